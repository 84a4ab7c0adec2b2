"""Custom recipes as found in real applications, each computed here with hashlib and other libraries.

None uses the project's code, so that a recipe is really found and not repeated.
"""

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import bcrypt
from argon2.low_level import Type, hash_secret_raw
from Crypto.Hash import MD4

SALT, HEX_SALT, PEPPER, USER = "xK9#fT2q", "5f3a9c1b77e2d046", "Th1s-1s-P3pper", "Jo.Smith@Example.com"
DECOMPOSED = "Schlu\u0308ssel-9"
PASSWORD, FOREIGN, TRICKY = "Correct-Horse7", "Schlüssel-Straße9", 'O\'Neil & "Sons" 5'


def h(name: str, *parts: bytes | str) -> bytes:
    return hashlib.new(name, b"".join(part.encode() if isinstance(part, str) else part for part in parts)).digest()


def x(name: str, *parts: bytes | str) -> str:
    return h(name, *parts).hex()


def md4(*parts: bytes) -> bytes:
    return MD4.new(b"".join(parts)).digest()  # noqa: S303 (what Windows keeps)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def mac(name: str, key: bytes | str, message: bytes | str) -> bytes:
    return hmac.new(_bytes(key), _bytes(message), name).digest()


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def rounds(name: str, number: int, first: bytes, feed: Callable[[bytes], bytes]) -> bytes:
    value = h(name, first)
    for _ in range(number - 1):
        value = h(name, feed(value))
    return value


def again(number: int, start: bytes | str, step: Callable[[bytes | str], bytes | str]) -> bytes | str:
    value = start
    for _ in range(number):
        value = step(value)
    return value


def pbkdf2(name: str, password: bytes | str, salt: bytes | str, number: int, length: int | None = None) -> bytes:
    return hashlib.pbkdf2_hmac(name, _bytes(password), _bytes(salt), number, length)


def scrypt(password: bytes | str, salt: bytes | str, n: int, r: int, p: int, length: int) -> bytes:
    return hashlib.scrypt(
        _bytes(password), salt=_bytes(salt), n=n, r=r, p=p, dklen=length, maxmem=128 * r * (n + p + 2) + (1 << 20)
    )


def crypted(value: bytes | str) -> str:
    return bcrypt.hashpw(_bytes(value), b"$2b$04$abcdefghijklmnopqrstuu").decode()


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


@dataclass(frozen=True)
class Known:
    """A hash with its password, as the input of a diagnosis."""

    recipe: str
    hash: str
    password: str = PASSWORD
    salt: str | None = SALT
    username: str | None = None
    pepper: str | None = None


P, S, X, U, K = PASSWORD, SALT, HEX_SALT, USER, PEPPER
KNOWN = [
    Known("sha256(user lower : pass : salt)", x("sha256", U.lower(), ":", P, ":", S), username=U),
    Known("sha1(salt - pass -) with dashes", x("sha1", S, "--", P)),
    Known("md5(pass salt pass)", x("md5", P, S, P)),
    Known("sha512(pepper pass salt)", x("sha512", K, P, S), pepper=K),
    Known("sha512(salt pass pepper), base64", b64(h("sha512", S, P, K)), pepper=K),
    Known("sha256(pass {salt})", x("sha256", P, "{", S, "}")),
    Known("sha1(unhex(salt) pass)", x("sha1", unhex(X), P), salt=X),
    Known("sha256(pass unbase64(salt))", b64(h("sha256", P, unhex(X))), salt=b64(unhex(X))),
    Known("sha256(unbase64(salt) utf16(pass)), base64", b64(h("sha256", unhex(X), utf16(P))), salt=b64(unhex(X))),
    Known("sha512(utf16(pass) unhex(salt))", x("sha512", utf16(P), unhex(X)), salt=X),
    Known("sha256(utf16(pass salt))", x("sha256", utf16(P + S))),
    Known("md5(HEX md5(pass) . salt)", x("md5", x("md5", P).upper(), S)),
    Known("md5(sha1(salt) . md5(pass))", x("md5", x("sha1", S), x("md5", P))),
    Known("sha1(sha1 raw(pass) . salt)", x("sha1", h("sha1", P), S)),
    Known("sha256(salt . sha256 raw(pass) . salt)", x("sha256", S, h("sha256", P), S)),
    Known("sha512(salt . sha512 hex(pass . salt))", x("sha512", S, x("sha512", P, S))),
    Known("sha256(base64(sha1(pass)) . salt)", x("sha256", b64(h("sha1", P)), S)),
    Known("md5(base64 of pass)", x("md5", b64(P.encode())), salt=None),
    Known("sha1(md5(pass) . user)", x("sha1", x("md5", P), U), salt=None, username=U),
    Known("sha256(md5(pass) . lower user . salt)", x("sha256", x("md5", P), U.lower(), S), username=U),
    Known("md5(lower user . md5(pass))", x("md5", U.lower(), x("md5", P)), salt=None, username=U),
    Known("md5(salt2 . md5(pass . salt1)), two salts in a column", x("md5", "b2", x("md5", P, "a1")), salt="a1:b2"),
    Known("$ salt $ sha1(salt . pass)", f"$k7Xq9ZpL${x('sha1', 'k7Xq9ZpL', P)}", salt=None),
    Known("sha1(pass . salt) salt, without separator", x("sha1", P, "k7Xq9ZpL") + "k7Xq9ZpL", salt=None),
    Known("md5(pass upper)", x("md5", P.upper()), salt=None),
    Known("sha1(lower pass . salt)", x("sha1", P.lower(), S)),
    Known("md5(reversed pass)", x("md5", P[::-1]), salt=None),
    Known("sha1(latin1 pass . salt)", x("sha1", FOREIGN.encode("latin-1"), S), FOREIGN),
    Known("md5(md5(latin1 pass) . salt)", x("md5", x("md5", FOREIGN.encode("latin-1")), S), FOREIGN),
    Known("sha256(cp1250 pass)", x("sha256", "žluťoučký-Kůň".encode("cp1250")), "žluťoučký-Kůň", None),
    Known("md5(cp1251 pass . salt)", x("md5", "Пароль-9".encode("cp1251"), S), "Пароль-9"),
    Known("sha1(koi8-r pass)", x("sha1", "Пароль-9".encode("koi8-r")), "Пароль-9", None),
    Known("md5(shift_jis pass)", x("md5", "パスワード1".encode("shift_jis")), "パスワード1", None),
    Known("md5(htmlspecialchars pass)", x("md5", "O&#039;Neil &amp; &quot;Sons&quot; 5"), TRICKY, None),
    Known("sha1(trimmed pass . salt)", x("sha1", P, S), f"  {P} "),
    Known("hmac_sha256(pepper, pass . salt)", mac("sha256", K, P + S).hex(), pepper=K),
    Known("hmac_sha512(pepper, salt . pass), base64", b64(mac("sha512", K, S + P)), pepper=K),
    Known("hmac_sha1(salt, md5(pass))", mac("sha1", S, x("md5", P)).hex()),
    Known("hmac_md5(pass, salt)", mac("md5", P, S).hex()),
    Known("hmac_sha256(unhex salt, pass), base64", b64(mac("sha256", unhex(X), P)), salt=X),
    Known("hmac_sha256(unbase64 salt, utf16 pass), base64", b64(mac("sha256", unhex(X), utf16(P))), salt=b64(unhex(X))),
    Known("hmac_sha256(sha256(pepper), pass)", mac("sha256", x("sha256", K), P).hex(), salt=None, pepper=K),
    Known("hmac_sha256(user, pass . salt)", mac("sha256", U, P + S).hex(), username=U),
    Known("sha256(hmac_sha256(pepper, pass) . salt)", x("sha256", mac("sha256", K, P).hex(), S), pepper=K),
    Known("md5(hmac_md5 raw(salt, pass))", x("md5", mac("md5", S, P))),
    Known("sha256 raw ^ 1000 (salt . pass)", rounds("sha256", 1000, (S + P).encode(), lambda v: v).hex()),
    Known("sha1 hex ^ 100 (pass . salt)", rounds("sha1", 100, (P + S).encode(), lambda v: v.hex().encode()).hex()),
    Known("sha512 hex ^ 1024 (pass)", rounds("sha512", 1024, P.encode(), lambda v: v.hex().encode()).hex(), salt=None),
    Known("md5 raw ^ 10000 (pass . salt)", rounds("md5", 10_000, (P + S).encode(), lambda v: v).hex()),
    Known(
        "sha256 chain ^ 5000 (pass{salt}), base64",
        b64(rounds("sha256", 5000, f"{P}{{{S}}}".encode(), lambda v: v + f"{P}{{{S}}}".encode())),
    ),
    Known("sha1(salt . x) ten times", str(again(10, P, lambda v: x("sha1", S, v)))),
    Known("sha256(x . salt) seven times, raw", bytes(again(7, P, lambda v: h("sha256", v, S))).hex()),  # type: ignore[arg-type]
    Known("md5(x . pass) four times", str(again(4, P, lambda v: x("md5", v, P))), salt=None),
    Known("md5(md5(md5(md5(pass))))", str(again(4, P, lambda v: x("md5", v))), salt=None),
    Known("sha1(sha256(md5(pass)))", x("sha1", x("sha256", x("md5", P))), salt=None),
    Known("md5(sha1(md5(pass) . salt))", x("md5", x("sha1", x("md5", P), S))),
    Known("sha256(salt . sha1(salt . md5(pass)))", x("sha256", S, x("sha1", S, x("md5", P)))),
    Known("sha512(sha1(pass) . sha1(salt))", x("sha512", x("sha1", P), x("sha1", S))),
    Known("sha384(salt . pass)", x("sha384", S, P)),
    Known("sha3_512(pass . salt)", x("sha3_512", P, S)),
    Known("blake2b(salt . pass), base64", b64(h("blake2b", S, P))),
    Known("sha224(md5(pass) . salt)", x("sha224", x("md5", P), S)),
    Known("base64 of hex of sha1(pass . salt)", b64(x("sha1", P, S).encode())),
    Known("first 32 digits of sha256(salt . pass)", x("sha256", S, P)[:32]),
    Known("20 digits in the middle of md5(pass)", x("md5", P)[5:25], salt=None),
    Known("salt in hex before sha256(salt . pass)", X + x("sha256", X, P), salt=None),
    Known("digest and salt in base64", b64(h("sha512", P, unhex(X)) + unhex(X)), salt=None),
    Known("salt$digest", f"{S}${x('sha256', S, P)}", salt=None),
    Known("digest:salt, sha1(salt . sha1(pass))", f"{x('sha1', S, x('sha1', P))}:{S}", salt=None),
    Known("pbkdf2_sha1(pass, unbase64 salt, 24)", b64(pbkdf2("sha1", P, unhex(X), 1000, 24)), salt=b64(unhex(X))),
    Known("pbkdf2_sha256(pass, salt, 12345)", pbkdf2("sha256", P, S, 12_345).hex()),
    Known("pbkdf2_sha512(pass, unhex salt, 2000, 64)", pbkdf2("sha512", P, unhex(X), 2000, 64).hex(), salt=X),
    Known("pbkdf2_sha256(pass . pepper, salt, 1000)", pbkdf2("sha256", P + K, S, 1000).hex(), pepper=K),
    Known("pbkdf2_sha256(md5(pass), salt, 1000)", pbkdf2("sha256", x("md5", P), S, 1000).hex()),
    Known("pbkdf2_sha512(pass, user, 4096)", pbkdf2("sha512", P, U, 4096).hex(), salt=None, username=U),
    Known("scrypt(pass, unhex salt, 16384, 8, 1, 32)", scrypt(P, unhex(X), 16384, 8, 1, 32).hex(), salt=X),
    Known("scrypt(pass, salt, 16384, 8, 1, 64)", scrypt(P, S, 16384, 8, 1, 64).hex()),
    Known("argon2id(pass, salt, 3, 65536, 4)", hash_secret_raw(P.encode(), S.encode(), 3, 65536, 4, 32, Type.ID).hex()),
    Known("md4(md4(utf16(pass)) . utf16(lower user))", md4(md4(utf16(P)), utf16("jo")).hex(), salt=None, username="Jo"),
    Known("md5(pass with slashes)", x("md5", TRICKY.replace("'", "\\'").replace('"', '\\"')), TRICKY, None),
    Known("sha1(nfc pass . salt)", x("sha1", unicodedata.normalize("NFC", DECOMPOSED), S), DECOMPOSED),
    Known("bcrypt(md5(pass))", crypted(x("md5", P)), salt=None),
    Known("bcrypt(base64(sha256 raw(pass)))", crypted(b64(h("sha256", P))), salt=None),
    Known("bcrypt(sha512(pass) base64, pepper hmac)", crypted(b64(mac("sha256", K, P))), salt=None, pepper=K),
    Known("bcrypt(pass . pepper)", crypted(P + K), salt=None, pepper=K),
    Known("bcrypt(sha1(salt . pass))", crypted(x("sha1", S, P))),
    Known("bcrypt(md5(pass) . salt)", crypted(x("md5", P) + S)),
    Known("bcrypt(latin1 pass)", crypted(FOREIGN.encode("latin-1")), FOREIGN, None),
]
