"""Every vector of another implementation verifies its password and no other, loaded as an operator would load it."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from service.passwords import registry
from service.passwords.format import Check, Recipe, StoredHash

VECTORS = [json.loads(line) for line in Path(__file__).with_name("vectors.jsonl").read_text("utf-8").splitlines()]
"""`format`, `hash`, `password` and `source` of each, and what stands in columns beside it."""

FORMAT_OF: dict[str, dict[str, object]] = {
    "bcrypt_of_hex_sha512": {"format": "bcrypt_of_hex_sha512"},
    "bcrypt_of_hex_sha256 (Meteor accounts-password: bcrypt(hex sha256(pw)))": {"format": "meteor"},
    "devise_bcrypt_pepper (bcrypt(password+pepper))": {"format": "devise", "pepper_env": "PEPPER"},
    "firebase_scrypt": {"format": "firebase_scrypt"},
    "pbkdf2_raw_columns (sha512, b64)": {"format": "pbkdf2_sha512", "salt_encoding": "base64"},
    "aspnet_membership_sha1 (PasswordFormat=1; = EPiServer *0)": {"format": "aspnet_membership_sha1"},
    "aspnet_membership_sha256 (= EPiServer *1)": {"format": "aspnet_membership_sha256"},
    "stytch_scrypt": {"format": "stytch_scrypt"},
}
"""What an operator says of hashes that do not describe themselves, by the vectors' label; all others are recognised."""
OPTIONS = ("signer_key", "salt_separator", "rounds", "mem_cost", "n", "r", "p")


@dataclass(frozen=True)
class Vector:
    stored: StoredHash
    password: str

    @property
    def check(self) -> Check:
        return registry.check(self.stored)


def load(line: dict[str, object]) -> Vector:
    """Make of a line what a row of an export becomes, the format recognised where `FORMAT_OF` names none."""
    text = str(line["hash"])
    fields = dict(FORMAT_OF.get(str(line["format"]), {})) or {"format": registry.candidates(text)[0].name}
    options = {name: str(line[name]) for name in OPTIONS if name in line}
    iterations = line.get("iterations")
    recipe = Recipe(**{**fields, "options": options, "iterations": iterations})  # type: ignore[arg-type]
    salt = re.sub(r" \(.*\)", "", str(line["salt"])) if "salt" in line else None
    username = str(line["username"]) if "username" in line else None
    pepper = str(line["pepper"]).encode() if "pepper" in line else None
    return Vector(StoredHash(text, recipe, salt, username, pepper), str(line["password"]))


IDS = [f"{index}-{line['format']}" for index, line in enumerate(VECTORS)]
each_vector = pytest.mark.parametrize("line", VECTORS, ids=IDS)


@each_vector
def test_the_right_password_verifies(line: dict[str, object]) -> None:
    vector = load(line)
    assert vector.check.verify(vector.password)


@each_vector
def test_a_wrong_password_does_not(line: dict[str, object]) -> None:
    vector = load(line)
    assert not vector.check.verify("wrong" + vector.password)


@each_vector
def test_a_stand_in_costs_the_same_and_is_nobodys(line: dict[str, object]) -> None:
    vector = load(line)
    made = registry.stand_in(vector.stored)
    check = registry.check(made)
    assert (check.cost, check.lane) == (vector.check.cost, vector.check.lane)
    assert replace(made, recipe=vector.stored.recipe) != vector.stored
    assert not check.verify(vector.password)
