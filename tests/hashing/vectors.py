"""Hashes that other implementations made, each with its password and its source, as an operator would load them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from service.hashing import registry
from service.hashing.format import Check, Recipe, StoredHash

HERE = Path(__file__).parent
VECTORS = [json.loads(line) for line in (HERE / "vectors.jsonl").read_text("utf-8").splitlines()]
"""`format`, `hash`, `password` and `source` of each, and the columns stored with it; `format` is a free label."""
MORE = [json.loads(line) for line in (HERE / "more_vectors.jsonl").read_text("utf-8").splitlines()]
"""The same, but `format` is the name of a format, or a formula."""

NAMES = {
    "hex_md4": "md4",
    "md4_hex": "md4",
    "lmhash": "lm",
    "msdcc2": "msdcc2",
    "msdcc": "msdcc",
    "nthash": "nt",
    "ntlm_nt_hash": "nt",
    "oracle10": "oracle10",
    "md5(md5)": "md5(md5($pass))",
    "md5(upper(md5))": "md5(upper(md5($pass)))",
    "md5(sha1)": "md5(sha1($pass))",
    "sha1(sha1)": "sha1(sha1($pass))",
    "sha256(sha256_bin)": "sha256(sha256_bin($pass))",
    "md5_utf16le": "md5_utf16le",
    "sha256_utf16le": "sha256_utf16le",
    "sha512_utf16le": "sha512_utf16le",
    "mysql41 (sha1(sha1_bin))": "mysql41",
    "sha3_256": "sha3_256",
    "peoplesoft (b64 sha1 utf16le)": "peoplesoft",
    "smf_sha1(lower(user).pw)": "smf",
    "postgres_md5 (md5(pw.user))": "md5($pass.$user)",
    "magento2_v0": "magento2_v0",
    "umbraco_hmac_sha1 (key=pw=utf16le)": "umbraco_hmac_sha1",
    "joomla15_md5 (md5(pw.salt):salt)": "joomla",
    "oscommerce_md5 (md5(salt.pw):salt)": "oscommerce",
    "md5_salt_pass_salt": "md5_salt_pass_salt",
    "sha1_salt_pass": "sha1_salt_pass",
    "sha256_salt_pass": "sha256_salt_pass",
    "sha256_salt_pass_salt": "sha256_salt_pass_salt",
    "sha512_pass_salt": "sha512_pass_salt",
    "sha384_pass_salt": "sha384_pass_salt",
    "md5_utf16le(pass).salt": "md5_utf16le_pass_salt",
    "md5_salt.utf16le(pass)": "md5_salt_utf16le_pass",
    "sha1_utf16le(pass).salt": "sha1_utf16le_pass_salt",
    "sha1_salt.utf16le(pass)": "sha1_salt_utf16le_pass",
    "sha512_salt.utf16le(pass)": "sha512_salt_utf16le_pass",
    "hmac_md5_key_salt": "hmac_md5_key_salt",
    "hmac_sha256_key_salt": "hmac_sha256_key_salt",
    "hmac_sha512_key_salt": "hmac_sha512_key_salt",
    "hmac_md5_key_pass": "hmac_md5_key_pass",
    "hmac_sha1_key_pass": "hmac_sha1_key_pass",
    "hmac_sha512_key_pass": "hmac_sha512_key_pass",
    "vbulletin_md5(md5(pw).salt) >=3.8.5": "vbulletin",
    "mybb_ipb_md5(md5(salt).md5(pw))": "mybb",
    "md5(salt.md5(pw))": "md5($salt.md5($pass))",
    "md5(md5(pw).md5(salt))": "md5(md5($pass).md5($salt))",
    "sha1(sha1(pw).salt)": "sha1(sha1($pass).$salt)",
    "sha1(salt.sha1(pw))": "sha1($salt.sha1($pass))",
    "redmine sha1(salt.sha1(pw))": "redmine",
    "punbb sha1(salt.sha1(pw))": "punbb",
    "opencart sha1(salt.sha1(salt.sha1(pw)))": "opencart",
    "xenforo1_sha256(sha256(pw).salt)": "sha256(sha256($pass).$salt)",
    "sha512(sha512(pw).salt)": "sha512(sha512($pass).$salt)",
    "coldfusion10 sha256(salt.upper(sha1 hex))": "coldfusion10",
    "oracle11g_S (sha1(pw.saltbytes))": "sha1($pass.unhex($salt))",
    "rails_restful_auth (10x sha1)": "restful_authentication",
    "bcrypt_of_hex_sha512": "bcrypt_of_hex_sha512",
    "bcrypt_of_hex_sha256 (Meteor accounts-password: bcrypt(hex sha256(pw)))": "meteor",
    "firebase_scrypt": "firebase_scrypt",
    "aspnet_membership_sha1 (PasswordFormat=1; = EPiServer *0)": "aspnet_membership_sha1",
    "aspnet_membership_sha256 (= EPiServer *1)": "aspnet_membership_sha256",
    "stytch_scrypt": "stytch_scrypt",
}
"""The format or formula of hashes that do not identify themselves, by the label of their vectors."""
FORMAT_OF: dict[str, dict[str, object]] = {
    **{label: {"format": name} for label, name in NAMES.items()},
    "devise_bcrypt_pepper (bcrypt(password+pepper))": {"format": "devise", "pepper_env": "PEPPER"},
    "pbkdf2_raw_columns (sha512, b64)": {"format": "pbkdf2_sha512", "salt_encoding": "base64"},
}
"""All that an operator states about them; every other hash is recognised."""
OPTIONS = ("signer_key", "salt_separator", "rounds", "mem_cost", "n", "r", "p", "digest")


@dataclass(frozen=True)
class Vector:
    """A stored hash with its recipe and its password."""

    stored: StoredHash
    password: str

    @property
    def check(self) -> Check:
        """Return the check for passwords."""
        return registry.check(self.stored)


def load(line: dict[str, object]) -> Vector:
    """Return a line as the row of an export, with the recognised format if `FORMAT_OF` names none."""
    text, label = str(line["hash"]), str(line["format"])
    fields = {"format": label} if line in MORE else dict(FORMAT_OF.get(label, {}))
    fields |= {name: line[name] for name in ("charset", "salt_encoding") if name in line}
    fields = fields or {"format": registry.candidates(text)[0].name}
    options = {name: str(line[name]) for name in OPTIONS if name in line}
    iterations = line.get("iterations")
    recipe = Recipe(**{**fields, "options": options, "iterations": iterations})  # type: ignore[arg-type]
    salt = re.sub(r" \(.*\)", "", str(line["salt"])) if "salt" in line else None
    username = str(line["username"]) if "username" in line else None
    pepper = next((str(line[name]).encode() for name in ("pepper", "site_key") if name in line), None)
    return Vector(StoredHash(text, recipe, salt, username, pepper), str(line["password"]))


ALL = [*VECTORS, *MORE]
