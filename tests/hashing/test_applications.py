"""Hashes that the layouts of applications, of IBM, QNX and Juniper reject, and those that they leave to others."""

import pytest

from service.hashing.executor import Executor
from service.hashing.format import Check, MalformedHash, NoUsername, Recipe, StoredHash, TooCostly
from service.hashing.registry import candidates
from service.hashing.registry import check as check_stored

SHIRO = "$shiro1$SHA-256$%d$dxucP0IgyO99rdL0Ltj1Qg==$qssS60kTC7TqE61/JFrX/OEk0jsZbYXjiGhR7/t+XNY="
QNX = "@m,%d@bde10f1a1119328c64594c52df3165cf@6e1f9a390d50a85c"
MATTERMOST = "$pbkdf2$f=SHA256,w=%d,l=%d$4EJ0aoqSHZt0dKO8ccz/OQ$oWnpQnGjl+x+6J08bTP1OVQ+7ZF29qMaucfyyDY0Rlw"
STRETCH = "{PBKDF2_STRETCH}%d$8QN+eThJEaCd18sCP0nfzxJq2D9yhmSZgI20TDooYcE=$+0ELfqW4D2+/SlHvm/885dzv67qO2SMJg32Mv/9epXk="

IVE = "3u+UR6n8AgABAAAAHxxdXKmiOmUoqKnZlf8lTOhlPYy93EAkbPfs5+49YLFd/B1+omSKbW7DoqNM40/EeVnwJ8kYoXv9zy9D5C5m5A=="


def check(name: str, text: str, **columns: str) -> Check:
    return check_stored(StoredHash(text, Recipe(name), columns.get("salt"), columns.get("username")))


@pytest.mark.parametrize(
    "name, text",
    [
        ("shiro1", SHIRO % 3_000_000),
        ("qnx", QNX % 200_000),
        ("mattermost_pbkdf2", MATTERMOST % (3_000_000, 32)),
        ("elasticsearch_stretch", STRETCH % 3_000_000),
        ("ldap_pbkdf2", "{PBKDF2}3000000$abcd$+0ELfqW4D2+/SlHvm/885dzv67qO2SMJg32Mv/9epXk="),
    ],
)
def test_what_takes_too_long_is_refused(name: str, text: str) -> None:
    with pytest.raises(TooCostly):
        check(name, text)


@pytest.mark.parametrize(
    "name, text",
    [
        ("shiro1", SHIRO.replace("256", "512") % 1000),
        ("shiro1", SHIRO % 0),
        ("qnx", "@s@bde10f1a1119328c64594c52df3165cf@6e1f9a390d50a85c"),
        ("mattermost_pbkdf2", MATTERMOST % (600_000, 31)),
        ("openedge", "lebVZteiEsdpknc3"),
        ("screenos", "nKjiFErqK7TPcZdFZsZMNWPtw4Pv8m:26506173"),
        ("dahua", "$dahua$4WzwxXx"),
        ("juniper_ive", IVE.replace("HxxdXK", "IxxdXK")),
    ],
)
def test_what_is_not_whole_is_malformed(name: str, text: str) -> None:
    with pytest.raises(MalformedHash):
        check(name, text, username="x")


@pytest.mark.parametrize("name", ["racf", "as400_ssha1", "screenos"])
def test_a_hash_under_a_name_needs_one(name: str) -> None:
    digest = {"racf": "83845F8EEC7C20D8", "as400_ssha1": "349B12D6588843A1632649A501ABC353EBF409E4"}
    with pytest.raises(NoUsername):
        check(name, digest.get(name, "nKjiFErqK7TPcZdFZsZMNWPtw4Pv8n"))


@pytest.mark.parametrize(
    "text, expected",
    [
        (MATTERMOST % (600_000, 32), ["mattermost_pbkdf2"]),
        ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc", ["pbkdf2"]),
        ("$SHA$aB3$Zd2pS7aT1pUo8jQyQvY8m1n2o3Q", ["ofbiz"]),
        (STRETCH % 10_000, ["elasticsearch_stretch"]),
        (IVE, ["juniper_ive"]),
        (IVE.replace("HxxdXK", "IxxdXK"), []),
    ],
)
def test_each_is_told_from_what_looks_alike(text: str, expected: list[str]) -> None:
    assert [each.name for each in candidates(text)] == expected


def test_a_password_longer_than_racf_takes_is_wrong() -> None:
    found = check("racf", "$racf$*AAAAAAAA*062314297C496E0E")
    assert (found.verify("aaaaaaaa"), found.verify("AAAAAAAAA")) == (True, False)


def test_a_nul_behind_a_padded_password_is_wrong() -> None:
    assert check("radmin2", "$radmin2$3d2c8cae4621edf8abb081408569482b").verify("yamaha12345")
    assert not check("radmin2", "$radmin2$3d2c8cae4621edf8abb081408569482b").verify("yamaha12345\0")


def test_a_long_password_is_hashed_first_by_cram_md5_as_hmac_does() -> None:
    found = check("cram_md5", "{CRAM-MD5}5389b33b9725e5657cb631dc50017ff1535ce4e2a1c414009126506fc4327d0d")
    assert (found.verify("hashcat"), found.verify("hashcat" * 1000), found.executor) == (True, False, Executor.INLINE)
