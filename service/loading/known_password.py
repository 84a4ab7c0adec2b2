"""The trial of a known password: what it is checked against, and the result."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from service.hashing import registry
from service.hashing.diagnosis import Case
from service.hashing.format import Recipe, StoredHash, UnusableHash
from service.hashing.formula.text import matching_interpretation
from service.immutable import immutable
from service.loading.hashes import SHOWN, HashResolver, read_recipe, text_of
from service.loading.reject import Reason, RejectedRow
from service.loading.sources import Source
from service.store.accounts import Account
from service.store.audit import Action, Entry, record
from service.store.database import Database
from service.store.recipes import record_tried
from service.stored_hashes import UNUSABLE, HashOpener, MissingPepper, pepper_names, recipe_from

_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'" + r'|"(?:[^"\\]|\\.)*"', re.DOTALL)
"""A quoted text, as the lexer of formulas defines it."""


class NoSubject(Exception):
    """There is nothing to check the password against; the message gives the reason and quotes no hash."""


@immutable
class Subject:
    """The hashes against which a password is checked."""

    stored: tuple[StoredHash, ...]
    """The hashes with their recipes; the format is empty if unknown."""
    login: str | None = field(default=None, repr=False)
    account_id: int | None = None
    faults: tuple[str, ...] = ()
    """Why hashes have no recipe."""
    is_experiment: bool = False
    """Whether options replace stored values of the account, so that the result does not apply to sign-ins."""


@immutable
class Verdict:
    """The outcome of a trial."""

    recipe: Recipe | None = field(default=None, repr=False)
    """The recipe that VERIFIED the password; None if none did."""
    interpretation: str | None = None
    """The formula that VERIFIED it, if the recipe has several interpretations of a typed password."""
    tried: tuple[str, ...] = ()
    """The formats in which the password was checked."""
    faults: tuple[str, ...] = ()
    """Why hashes could not be checked."""


def try_password(subject: Subject, password: str) -> Verdict:
    """Check the password by each recipe, with the code that sign-in uses."""
    tried, faults = [], [*subject.faults]
    for stored in subject.stored:
        if not stored.recipe.format:
            continue
        try:
            check = registry.check(stored)
        except UnusableHash as error:
            faults.append(f"{stored.recipe.format}: {error}")
            continue
        tried.append(stored.recipe.format)
        if check.verify(password):
            return Verdict(stored.recipe, matching_interpretation(check, password), tuple(tried))
    return Verdict(tried=tuple(tried), faults=tuple(faults))


def account_subject(account: Account, login: str | None, opener: HashOpener) -> Subject:
    """Decrypt the hashes of an account. Raises `NoSubject` if it has none."""
    if not account.hashes:
        raise NoSubject(f"the account has no hash: it is {account.state.value}")
    stored, faults = [], []
    for kept in account.hashes:
        try:
            stored.append(opener.read(kept))
        except MissingPepper as missing:
            faults.append(f"{kept.format}: the pepper {missing.name} is not set")
        except UNUSABLE as error:
            faults.append(f"{kept.format}: {error}")
    return Subject(tuple(stored), login, account.id, tuple(faults))


def with_columns(subject: Subject, salt: str | None, user: str | None) -> Subject:
    """Return the subject with another salt and username."""
    if salt is None and user is None:
        return subject
    stored = tuple(
        replace(each, salt=each.salt if salt is None else salt, username=each.username if user is None else user)
        for each in subject.stored
    )
    return replace(subject, stored=stored, is_experiment=True)


def with_source(subject: Subject, source: Source, environment: Mapping[str, str]) -> Subject:
    """Return the subject with the format, charset and pepper of another source. Raises `NoSubject`."""
    rows = [row_subject(_columns(each), each.hash, source, environment, subject.login) for each in subject.stored]
    stored = tuple(each for row in rows for each in row.stored)
    faults = (*subject.faults, *(fault for row in rows for fault in row.faults))
    return replace(subject, stored=stored, faults=faults, is_experiment=True)


def _columns(stored: StoredHash) -> dict[str, object]:
    columns = {"salt": stored.salt, "username": stored.username}
    return {name: value for name, value in columns.items() if value is not None}


def row_subject(
    fields: Mapping[str, object], text: str, source: Source, environment: Mapping[str, str], login: str | None
) -> Subject:
    """Read a row as `load` does. A hash that may have several formats is checked in each of them.

    Raises `NoSubject` if a pepper is not set.
    """
    try:
        return Subject((_resolved(fields, text, source, environment, login),), login)
    except RejectedRow as rejected:
        if rejected.reason is Reason.AMBIGUOUS_SHAPE:
            return Subject(tuple(_as_each_candidate(fields, text, source, environment, login)), login)
        return Subject((_unresolved(fields, text, source, environment),), login, faults=(str(rejected),))


def _resolved(
    fields: Mapping[str, object], text: str, source: Source, environment: Mapping[str, str], login: str | None
) -> StoredHash:
    resolver = HashResolver(source, environment)
    _, salt, username = resolver.resolve(fields, text, login)
    made = resolver.new[-1]
    recipe = recipe_from(made.format, made.parameters)
    return _with_peppers(StoredHash(text, recipe, salt, username), environment)


def _as_each_candidate(
    fields: Mapping[str, object], text: str, source: Source, environment: Mapping[str, str], login: str | None
) -> Iterator[StoredHash]:
    for each in registry.candidates(text)[:SHOWN]:
        try:
            yield _resolved(fields, text, replace(source, format=each.name), environment, login)
        except RejectedRow:
            continue


def _unresolved(fields: Mapping[str, object], text: str, source: Source, environment: Mapping[str, str]) -> StoredHash:
    """Return the subject of an unresolved row, for a diagnosis. Faulty columns are omitted."""
    try:
        recipe = read_recipe({name: value for name, value in fields.items() if name != "format"}, source)
    except RejectedRow:
        recipe = read_recipe({}, source)
    recipe = replace(recipe, format="")
    username = text_of(fields, source.username or "username") or text_of(fields, "user")
    return _with_peppers(StoredHash(text, recipe, text_of(fields, "salt"), username), environment)


def _with_peppers(stored: StoredHash, environment: Mapping[str, str]) -> StoredHash:
    """Add the recipe's peppers. Raises `NoSubject` if a variable is not set or is a setting of the service."""
    try:
        return HashOpener(environment).with_peppers(stored)
    except MissingPepper as missing:
        raise NoSubject(f"the pepper {missing.name} is not set") from None


def cases_of(subject: Subject, password: str, peppers: Mapping[str, bytes]) -> list[Case]:
    """Return the input of diagnoses: each distinct hash, the password, and every given pepper."""
    cases: dict[str, Case] = {}
    for stored in subject.stored:
        recipe = stored.recipe
        own = dict(
            zip(pepper_names(recipe.pepper_env), filter(None, (stored.pepper, *stored.more_peppers)), strict=False)
        )
        base = replace(recipe, pepper_env=None)
        name = stored.username or subject.login
        cases.setdefault(stored.hash, Case(stored.hash, password, stored.salt, name, base, {**own, **peppers}))
    return list(cases.values())


async def record_trial(database: Database, subject: Subject, recipe: Recipe | None, *, diagnosed: bool) -> None:
    """Write the trial to the audit trail, with the format that VERIFIED the password.

    A format found by a diagnosis is not recorded as tried: a password does not test a formula that it led to.
    """
    how = "try --diagnose" if diagnosed else "try"
    reason = f"unverified, {how}" if recipe is None else f"verified, {how}, format {_without_texts(recipe.format)}"
    async with database.transaction() as connection:
        await record(connection, [Entry(Action.TRIED, reason, account_id=subject.account_id)])
        if recipe is not None and not diagnosed and not subject.is_experiment:
            await record_tried(connection, recipe.format)


def _without_texts(format_name: str) -> str:
    """Return a formula without its quoted texts, which may be secret."""
    return _TEXT.sub("'…'", format_name) if registry.is_formula(format_name) else format_name
