"""The rule by which a typed name opens one account: a table of cases, and a slow implementation as the oracle."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.signin.resolve import Ambiguity, Claim, ClaimKind, DeletedClaim, Resolved, resolve

LOADED, OKTA, SHORT, IDENTIFIER = ClaimKind
EARLY = datetime(2026, 3, 1, tzinfo=UTC)
LATE = EARLY + timedelta(hours=1)
DELETED_LOGIN, DELETED_PART = DeletedClaim(is_login=True, bound=False), DeletedClaim(is_login=False, bound=False)
DELETED_BOUND = DeletedClaim(is_login=False, bound=True)


def claim(
    account_id: int, kind: ClaimKind, *, bound: bool = False, replaced: bool = False, at: datetime | None = None
) -> Claim:
    return Claim(account_id, kind, bound, replaced, at)


CASES: dict[str, tuple[list[Claim], list[DeletedClaim], Resolved]] = {
    "no claim": ([], [], None),
    "a login": ([claim(1, LOADED)], [], 1),
    "a login of a bound account": ([claim(1, LOADED, bound=True)], [], 1),
    "the login that Okta knows": ([claim(1, OKTA, bound=True, at=LATE)], [], 1),
    "a loaded login that was replaced": ([claim(1, LOADED, bound=True, replaced=True)], [], None),
    "a login that another account has by now": ([claim(1, OKTA, bound=True, replaced=True)], [], None),
    "a loaded login that was replaced, by now another's": (
        [claim(1, LOADED, bound=True, replaced=True), claim(2, OKTA, bound=True, at=LATE)], [], 2),
    "a short name": ([claim(1, SHORT)], [], 1),
    "an identifier": ([claim(1, IDENTIFIER)], [], 1),
    "short name and identifier of one account": ([claim(1, SHORT), claim(1, IDENTIFIER)], [], 1),
    "short names of two": ([claim(1, SHORT), claim(2, SHORT)], [], Ambiguity.SEVERAL_CLAIMS),
    "identifiers of two": ([claim(1, IDENTIFIER), claim(2, IDENTIFIER)], [], Ambiguity.SEVERAL_CLAIMS),
    "short name of one and identifier of another": (
        [claim(1, SHORT), claim(2, IDENTIFIER)], [], Ambiguity.SEVERAL_CLAIMS),
    "short name of one and identifier of another, both bound": (
        [claim(1, SHORT, bound=True), claim(2, IDENTIFIER, bound=True)], [], Ambiguity.SEVERAL_CLAIMS),
    "an unbound login and the short name of an unbound account": ([claim(1, LOADED), claim(2, SHORT)], [], 1),
    "an unbound login and the short name of a bound account": (
        [claim(1, LOADED), claim(2, SHORT, bound=True)], [], Ambiguity.UNBOUND_LOGIN),
    "a bound login and the short name of a bound account": (
        [claim(1, LOADED, bound=True), claim(2, SHORT, bound=True)], [], 1),
    "an unbound login and the identifier of a bound account": (
        [claim(1, LOADED), claim(2, IDENTIFIER, bound=True)], [], 1),
    "an unbound login that is the Okta login of another": (
        [claim(1, LOADED), claim(2, OKTA, bound=True, at=LATE)], [], Ambiguity.UNBOUND_LOGIN),
    "two bound accounts with one login": (
        [claim(1, LOADED, bound=True, at=EARLY), claim(2, OKTA, bound=True, at=LATE)], [], 2),
    "two bound accounts with one login, one never read": (
        [claim(1, LOADED, bound=True), claim(2, OKTA, bound=True, at=EARLY)], [], 2),
    "two bound accounts with one login, updated at once": (
        [claim(1, LOADED, bound=True, at=LATE), claim(2, OKTA, bound=True, at=LATE)], [], Ambiguity.SAME_LOGIN),
    "an identifier that is a replaced login": (
        [claim(1, LOADED, bound=True, replaced=True), claim(2, IDENTIFIER)], [], None),
    "an identifier that is a superseded login": (
        [claim(1, OKTA, bound=True, replaced=True), claim(2, IDENTIFIER)], [], None),
    "an identifier that is a deleted login": ([claim(1, IDENTIFIER)], [DELETED_LOGIN], None),
    "an identifier that is a deleted local part": ([claim(1, IDENTIFIER)], [DELETED_PART], Ambiguity.SEVERAL_CLAIMS),
    "a short name that is a deleted login": ([claim(1, SHORT)], [DELETED_LOGIN], Ambiguity.SEVERAL_CLAIMS),
    "a short name that is a deleted local part": ([claim(1, SHORT)], [DELETED_PART], Ambiguity.SEVERAL_CLAIMS),
    "a deleted local part alone": ([], [DELETED_PART], None),
    "an unbound login and a deleted local part": ([claim(1, LOADED)], [DELETED_PART], 1),
    "an unbound login and the local part of a deleted account with an Okta user": (
        [claim(1, LOADED)], [DELETED_BOUND], Ambiguity.UNBOUND_LOGIN),
    "a bound login and the local part of a deleted account with an Okta user": (
        [claim(1, LOADED, bound=True)], [DELETED_BOUND], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_name_means_what_the_rule_says(name: str) -> None:
    claims, deleted, expected = CASES[name]
    assert resolve(claims, deleted) == expected
    assert resolve(claims[::-1], deleted) == expected


@dataclass(frozen=True)
class Person:
    """An account in the terms of the rule; names are keys."""

    loaded: str
    okta_id: str | None
    okta_login: str | None
    updated: int | None
    superseded: bool
    identifiers: frozenset[str]
    """Identifiers that count: without `@`, or of a source that opted in."""

    @property
    def current(self) -> str | None:
        return None if self.superseded else self.okta_login or self.loaded


@dataclass(frozen=True)
class Gone:
    """A deleted account."""

    login: str
    bound: bool


def local(login: str) -> str:
    return login.split("@", maxsplit=1)[0]


def literal(key: str, people: list[Person], gone: list[Gone]) -> Resolved:
    """Return the result of the rule, applied sentence by sentence, slowly and in the rule's terms."""
    known = {each.loaded for each in people} | {each.okta_login for each in people} | {each.login for each in gone}

    def claims(person: Person) -> bool:
        short = "@" not in key and person.current is not None and local(person.current) == key
        return short or (key in person.identifiers and key not in known)

    gone_claims = [each for each in gone if key in (each.login, local(each.login))]
    holders = [index for index, each in enumerate(people) if each.current == key]
    unbound = [index for index in holders if people[index].okta_id is None]
    if len(holders) == 1 and unbound:
        others = [each for index, each in enumerate(people) if index != holders[0] and each.okta_id and claims(each)]
        rivals = bool(others) or any(each.bound for each in gone_claims)
        return Ambiguity.UNBOUND_LOGIN if rivals else holders[0]
    if holders and unbound:
        return Ambiguity.UNBOUND_LOGIN
    if holders:
        latest = max(people[index].updated or 0 for index in holders)
        last = [index for index in holders if (people[index].updated or 0) == latest]
        return last[0] if len(last) == 1 else Ambiguity.SAME_LOGIN
    claimants = [index for index, each in enumerate(people) if claims(each)]
    if not claimants:
        return None
    return claimants[0] if len(claimants) == 1 and not gone_claims else Ambiguity.SEVERAL_CLAIMS


def claims_of(key: str, index: int, person: Person) -> list[Claim]:
    """Return the claims as the look-up reads them."""
    bound = person.okta_id is not None
    at = None if person.updated is None else EARLY + timedelta(seconds=person.updated)
    found = []
    if person.loaded == key:
        found.append(claim(index, LOADED, bound=bound, replaced=person.current != key, at=at))
    elif person.okta_login == key:
        found.append(claim(index, OKTA, bound=bound, replaced=person.superseded, at=at))
    if key in person.identifiers:
        found.append(claim(index, IDENTIFIER, bound=bound, at=at))
    if "@" not in key and person.current is not None and person.current != key and local(person.current) == key:
        found.append(claim(index, SHORT, bound=bound, at=at))
    return found


NAMES = st.sampled_from(["bob", "bob@a", "bob@b", "kim", "kim@a", "kim@b"])


@st.composite
def persons(draw: st.DrawFn) -> Person:
    bound = draw(st.booleans())
    read = bound and draw(st.booleans())
    return Person(
        loaded=draw(NAMES),
        okta_id="id" if bound else None,
        okta_login=draw(NAMES) if read else None,
        updated=draw(st.integers(1, 3)) if read else None,
        superseded=bound and draw(st.booleans()),
        identifiers=frozenset(draw(st.sets(NAMES, max_size=2))),
    )


@given(
    key=NAMES,
    people=st.lists(persons(), max_size=4, unique_by=lambda person: person.loaded),
    gone=st.lists(st.builds(Gone, NAMES, st.booleans()), max_size=2),
)
def test_any_claims_are_resolved_as_the_rule_reads(key: str, people: list[Person], gone: list[Gone]) -> None:
    claims = [each for index, person in enumerate(people) for each in claims_of(key, index, person)]
    deleted = [
        DeletedClaim(is_login=each.login == key, bound=each.bound)
        for each in gone
        if key in (each.login, local(each.login))
    ]
    assert resolve(claims, deleted) == literal(key, people, gone)
