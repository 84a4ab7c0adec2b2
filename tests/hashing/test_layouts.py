"""Variations of real layouts (padding, case, alphabets, columns, omitted parameters) are read, others are not."""

import base64
import hashlib
import hmac
import json

import pytest

from service.hashing import registry
from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, Recipe, StoredHash
from service.hashing.formats.pbkdf2 import pbkdf2
from service.hashing.formats.scram import saslprep

PASSWORD = "correct horse"
SALT = b"0123456789abcdef"
SHA256_KEY = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 1000)


def opened(
    text: str, name: str | None = None, salt: str | None = None, pepper: bytes | None = None, **more: object
) -> Check:
    recipe = Recipe(name or registry.candidates(text)[0].name, **more)  # type: ignore[arg-type]
    return registry.check(StoredHash(text, recipe, salt=salt, pepper=pepper))


def is_right(check: Check) -> bool:
    return check.verify(PASSWORD) and not check.verify("wrong")


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.mark.parametrize("prf", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("length", [16, 20, 32, 64, 100])
def test_the_faster_pbkdf2_equals_that_of_the_standard_library(prf: str, length: int) -> None:
    assert pbkdf2(prf, SALT, 10, length, b"") == hashlib.pbkdf2_hmac(prf, b"", SALT, 10, length)
    assert pbkdf2(prf, b"", 3, length, b"x" * 300) == hashlib.pbkdf2_hmac(prf, b"x" * 300, b"", 3, length)


@pytest.mark.parametrize(
    "digest",
    [SHA256_KEY.hex(), SHA256_KEY.hex().upper(), b64(SHA256_KEY), b64(SHA256_KEY).rstrip("=")],
)
@pytest.mark.parametrize(
    "salt, encoding",
    [(SALT.decode(), "text"), (SALT.hex(), "hex"), (b64(SALT), "base64"), (b64(SALT).rstrip("="), "base64")],
)
def test_columns_of_pbkdf2_in_every_encoding(digest: str, salt: str, encoding: str) -> None:
    assert is_right(opened(digest, "pbkdf2_sha256", salt, iterations=1000, salt_encoding=encoding))
    assert is_right(opened(f"{digest}:{salt}", "pbkdf2_sha256", iterations=1000, salt_encoding=encoding))


@pytest.mark.parametrize("mark", ["0x", "0X", "\\x"])
def test_columns_in_hex_may_have_the_mark_that_their_database_writes(mark: str) -> None:
    digest, salt = mark + SHA256_KEY.hex().upper(), mark + SALT.hex()
    assert is_right(opened(digest, "pbkdf2_sha256", salt, iterations=1000, salt_encoding="hex"))
    assert is_right(opened(f"{digest}:{salt}", "pbkdf2_sha256", iterations=1000, salt_encoding="hex"))


@pytest.mark.parametrize("between", [":", ".", "$"])
def test_a_digest_column_may_begin_with_the_salt(between: str) -> None:
    salt, key = SALT.decode(), SHA256_KEY.hex()
    assert is_right(opened(f"{salt}{between}{key}", "pbkdf2_sha256", iterations=1000))
    assert is_right(opened(f"{key}{between}{salt}", "pbkdf2_sha256", iterations=1000))
    scrypted = hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=16, r=8, p=1, dklen=64).hex()
    options = {"n": "16", "r": "8", "p": "1"}
    assert is_right(opened(f"{salt}{between}{scrypted}", "scrypt", options=options))
    assert is_right(opened(f"{scrypted}{between}{salt}", "scrypt", options=options))


def test_a_salt_whose_padding_shows_base64_is_tried_as_that_too() -> None:
    for salt in (SALT, b64(SALT).encode()):
        key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 1000).hex()
        assert is_right(opened(key, "pbkdf2_sha256", b64(SALT), iterations=1000))
        assert is_right(opened(f"{key}:{b64(SALT)}", "pbkdf2_sha256", iterations=1000))
        scrypted = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=16, r=8, p=1, dklen=32).hex()
        assert is_right(opened(scrypted, "scrypt", b64(SALT), options={"n": "16", "r": "8", "p": "1"}))


def test_a_hash_too_costly_to_be_read_in_two_ways_is_read_in_one() -> None:
    found = opened(SHA256_KEY.hex(), "pbkdf2_sha256", b64(SALT), iterations=1_500_000)
    assert found.cost == "pbkdf2-sha256 1500000"


@pytest.mark.parametrize("text", ["{SSHA512}%s", "%s"])
def test_a_salted_scheme_may_contain_hex(text: str) -> None:
    raw = hashlib.sha512(PASSWORD.encode() + SALT).digest() + SALT
    assert is_right(opened(text % raw.hex(), "ldap_ssha512"))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("alphabet", ["+/", "-_", "./"])
def test_a_directory_may_pad_and_use_any_alphabet(padded: bool, alphabet: str) -> None:
    key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), SALT, 1000)
    encoded = base64.b64encode(key, alphabet.encode() if alphabet != "./" else b"./").decode()
    digest = encoded if padded else encoded.rstrip("=")
    assert is_right(opened(f"{{pbkdf2-sha512}}1000${b64(SALT)}${digest}", "ldap"))


def test_opendj_keeps_the_digest_before_the_salt() -> None:
    key = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), SALT[:8], 1000)
    assert is_right(opened("{PBKDF2}1000:" + b64(key + SALT[:8])))


def test_liferay_keeps_all_in_one() -> None:
    """The layout of Liferay's PBKDF2PasswordEncryptor: bits, rounds, salt, key."""
    key = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), SALT[:8], 1000, 20)
    assert is_right(opened(b64((160).to_bytes(4, "big") + (1000).to_bytes(4, "big") + SALT[:8] + key)))


@pytest.mark.parametrize("length", [16, 20, 32, 50, 64])
def test_a_digest_column_of_any_length_may_be_hex(length: int) -> None:
    """Gitea and Grafana store 50 bytes."""
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, 100, length)
    assert is_right(opened(key.hex(), "pbkdf2_sha256", SALT.decode(), iterations=100))


def test_dovecot_uses_the_salt_as_text() -> None:
    key = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), b"f0rl0rn", 1000)
    assert is_right(opened(f"{{PBKDF2}}$1$f0rl0rn$1000${key.hex()}"))


@pytest.mark.parametrize("text", [SHA256_KEY.hex(), b64(SHA256_KEY)])
def test_an_unsalted_scheme_may_contain_hex(text: str) -> None:
    raw = hashlib.sha256(PASSWORD.encode()).digest()
    assert is_right(opened("{SHA256}" + raw.hex()))
    assert is_right(opened("{sha256.b64}" + b64(raw)))
    assert not opened("{SHA256}" + text).verify(PASSWORD)


@pytest.mark.parametrize("salt", [b"", b"1", b"12345678" * 4])
def test_a_salted_scheme_takes_a_salt_of_any_length(salt: bytes) -> None:
    assert is_right(
        opened("{SSHA}" + b64(hashlib.new("sha1", PASSWORD.encode() + salt, usedforsecurity=False).digest() + salt))
    )
    raw = hashlib.new("md5", PASSWORD.encode() + salt, usedforsecurity=False).digest() + salt
    assert is_right(opened("{SMD5.HEX}" + raw.hex())) or not salt


@pytest.mark.parametrize("nested", [True, False])
def test_keycloak_may_contain_its_parts_as_text(nested: bool) -> None:
    secret = {"value": b64(SHA256_KEY), "salt": b64(SALT), "additionalParameters": {}}
    credential = {"hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}
    whole = {
        "type": "password",
        "credentialData": json.dumps(credential) if nested else credential,
        "secretData": json.dumps(secret) if nested else secret,
    }
    assert is_right(opened(json.dumps(whole)))


def test_keycloaks_argon2_is_read() -> None:
    """Made with argon2-cffi in the same way as Keycloak's Argon2PasswordHashProvider."""
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 (the oracle of one test)

    key = hash_secret_raw(PASSWORD.encode(), SALT, 5, 7168, 1, 32, Type.ID)
    more = {"type": ["id"], "version": ["1.3"], "memory": ["7168"], "parallelism": ["1"], "hashLength": ["32"]}
    credential = {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": more}
    check = opened(json.dumps({"secretData": {"value": b64(key), "salt": b64(SALT)}, "credentialData": credential}))
    assert (is_right(check), check.cost) == (True, "argon2id m=7168 t=5 p=1")


@pytest.mark.parametrize("name", ["md5", "sha1"])
def test_django_and_werkzeug_are_both_tried_where_they_look_the_same(name: str) -> None:
    salted = hashlib.new(name, b"salt" + PASSWORD.encode()).hexdigest()
    keyed = hmac.new(b"salt", PASSWORD.encode(), name).hexdigest()
    assert is_right(opened(f"{name}$salt${salted}"))
    assert is_right(opened(f"{name}$salt${keyed}"))


@pytest.mark.parametrize("keyed", [True, False])
def test_membership_of_32_bytes_is_tried_with_and_without_a_key(keyed: bool) -> None:
    secret = PASSWORD.encode("utf-16-le")
    key = hmac.digest(SALT * 4, secret, "sha256") if keyed else hashlib.sha256(SALT + secret).digest()
    assert is_right(opened(b64(key), "aspnet_membership", b64(SALT)))


def test_spring_takes_its_secret_as_pepper_and_other_iterations() -> None:
    key = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT + b"secret", 1000)
    text = "{pbkdf2@SpringSecurity_v5_8}" + (SALT + key).hex()
    assert is_right(opened(text, pepper=b"secret", iterations=1000))


def test_springs_standard_encoder_mixes_salt_secret_and_password() -> None:
    key = SALT[:8] + b"secret" + PASSWORD.encode()
    for _ in range(1024):
        key = hashlib.sha256(key).digest()
    check = opened("{sha256}" + (SALT[:8] + key).hex(), pepper=b"secret")
    assert (is_right(check), check.executor) == (True, Executor.PROCESS)


def test_symfony_merges_password_and_salt_in_every_round() -> None:
    merged = f"{PASSWORD}{{{SALT.decode()}}}".encode()
    key = hashlib.sha512(merged).digest()
    for _ in range(4999):
        key = hashlib.sha512(key + merged).digest()
    assert is_right(opened(b64(key), "symfony", SALT.decode()))
    assert is_right(opened(key.hex(), "symfony", SALT.decode()))


def test_scrypt_columns_take_their_parameters_from_the_source() -> None:
    key = hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=256, r=4, p=2, dklen=64)
    options = {"n": "256", "r": "4", "p": "2"}
    assert is_right(opened(key.hex(), "scrypt", SALT.decode(), options=options))


@pytest.mark.parametrize(
    "text, cost",
    [
        ("$argon2i$m=64,t=1,p=1${salt}${key}", "argon2i m=64 t=1 p=1"),
        ("$argon2i$v=16$p=1,t=1,m=64${salt}${key}", "argon2i m=64 t=1 p=1"),
    ],
)
def test_argon2_of_the_first_version_and_in_any_order(text: str, cost: str) -> None:
    from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 (the oracle of one test)

    key = hash_secret_raw(PASSWORD.encode(), SALT, 1, 64, 1, 32, Type.I, 16)
    check = opened(text.format(salt=b64(SALT).rstrip("="), key=b64(key)))
    assert (is_right(check), check.cost) == (True, cost)


def test_cleartext_must_be_named_and_keeps_its_blanks() -> None:
    assert registry.candidates("{CLEARTEXT}" + PASSWORD) == ()
    assert is_right(opened("{CLEARTEXT}" + PASSWORD, "cleartext"))
    assert is_right(opened(PASSWORD, "cleartext"))
    assert opened(" blank ", "cleartext").verify(" blank ")
    assert is_right(opened("{noop}" + PASSWORD))


@pytest.mark.parametrize(
    "password, prepared",
    [
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("a\u0007", "a\u0007"),
        ("\u06271", "\u06271"),
    ],
)
def test_saslprep_follows_the_examples_of_rfc_4013(password: str, prepared: str) -> None:
    """Prohibited passwords remain unchanged, as in PostgreSQL."""
    assert saslprep(password) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "$md5$pf=e1NBTFR9$MTIz$q+RdKCgc+ipCAcm5ChQwlQ==",  # a template without the password
        "$hmac-sha256$MTIz$MTIzNDU=",
        "AQAAAAkAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",  # PRF 9
        "AQAAAAEAACcQAAAA8AABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",  # salt beyond the end
        "{SSHA512}at+xg6SiyUovktq1redipHiJpaE=",
        "$argon2id$v=19$m=64,m=64,p=1$c29tZXNhbHQ$MNzk5BtR2vUhrp6qQEjRNw",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZQAA$MNzk5BtR2vUhrp6qQEjRNw",
    ],
)
def test_a_hash_that_contradicts_itself_is_malformed(text: str) -> None:
    names = [each.name for each in registry.candidates(text)] or ["ldap_ssha512"]
    with pytest.raises(MalformedHash):
        opened(text, names[0])
