"""The search for one account on the status page: why a person cannot sign in, and the fix.

It shows a name, so it requires ADMIN_PASSWORD. Each search is written to the audit trail before its result is shown.
"""

import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
from markupsafe import Markup

from service.administration.queries import (
    AccountDetails,
    Filters,
    ListedAccount,
    account_details,
    ids_named,
    list_accounts,
)
from service.administration.status import VERIFIED_LONG_AGO
from service.hashing.limits import MAX_WORK
from service.immutable import immutable
from service.signin import queries
from service.signin.failures import FailureCount, throttle_key
from service.signin.queries import Found
from service.signin.resolve import Ambiguity
from service.signin.throttling import FORGET_AFTER, LOGIN_FREE
from service.store import audit
from service.store.accounts import Account, State, is_too_long, login_key
from service.store.audit import Action, Entry
from service.store.database import Database
from service.store.deleted_logins import deleted_logins
from service.store.recipes import login_digest_key
from service.stored_hashes import UNUSABLE, HashOpener, MissingPepper
from service.web.status_page.render import ACCOUNT_PATH, CARD, NOTICE, facts, frame, marked, moment
from service.web.status_page.view import ago

SHOWN = 5
"""Maximum accounts found by one name, and maximum events of each, the latest ones."""


class Allowance:
    """A rate limit: at most `most` actions per key within some seconds, for a bounded number of keys."""

    KEYS = 1000

    def __init__(self, most: int, within: float) -> None:
        self._most = most
        self._within = within
        self._acts: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return the seconds until the next action is allowed; 0 if it is allowed now."""
        acts, now = self._acts.get(key), time.monotonic()
        while acts and now - acts[0] >= self._within:
            acts.popleft()
        return self._within - (now - acts[0]) if acts and len(acts) >= self._most else 0.0

    def count(self, key: str) -> None:
        """Count an action."""
        self._acts.setdefault(key, deque()).append(time.monotonic())
        self._acts.move_to_end(key)
        if len(self._acts) > self.KEYS:
            self._acts.popitem(last=False)


@immutable
class Hint:
    """Why an account cannot sign in, and the fix."""

    level: str
    what: str
    fix: str


@immutable
class FoundAccount:
    """An account that has the name, with everything known about it except its hashes."""

    listed: ListedAccount
    details: AccountDetails
    hints: tuple[Hint, ...]


@immutable
class Answer:
    """The result of a search."""

    hints: tuple[Hint, ...]
    """Hints about the name."""
    accounts: tuple[FoundAccount, ...]
    number: int
    """The number of all accounts that have the name."""


async def search(database: Database, opener: HashOpener, name: str, asked_by: str) -> Answer:
    """Look a name up as a sign-in would, and record that in the audit trail.

    Raises one of `DATABASE_UNAVAILABLE`; then nothing is shown.
    """
    if not name or "\0" in name or is_too_long(name):
        return Answer((Hint("bad", "This is not a valid login.", "Enter the login as the person types it."),), (), 0)
    async with database.transaction() as connection:
        key = login_key(name)
        found = await queries.find(connection, name)
        ids = sorted({*await ids_named(connection, key), *([found.id] if isinstance(found, Account) else [])})
        listed = await list_accounts(connection, Filters(ids=ids), number=SHOWN) if ids else []
        accounts = [await _account(connection, opener, each, found) for each in listed]
        hints = tuple([hint async for hint in _of_name(connection, key, found, ids)])
        found_ids: list[int | None] = [*ids] or [None]
        reason = f"status page, asked by {asked_by}"
        await audit.record(connection, [Entry(Action.SEARCHED, reason, account_id=each) for each in found_ids])
    return Answer(hints, tuple(accounts), len(ids))


async def _of_name(connection: asyncpg.Connection, key: str, found: Found, ids: Sequence[int]) -> AsyncIterator[Hint]:
    digest_key = await login_digest_key(connection)
    if isinstance(found, Ambiguity):
        yield _ambiguous(found)
    elif found is None and key in await deleted_logins(connection, [key], digest_key):
        yield Hint(
            "bad",
            "An operator deleted the account of this login.",
            "`password-import accounts delete LOGIN --erase` lets a load bring it back.",
        )
    elif found is None and ids:
        yield Hint(
            "bad",
            "A sign-in with this name finds no account, although an account has it as a former login or an identifier.",
            "Sign in with the full login; for identifiers with @ see email_aliases in docs/sources.md.",
        )
    elif found is None:
        yield Hint(
            "bad", "No account has this name.", "Check the spelling. If it is right, load the account: docs/loading.md."
        )
    login = found.login_key if isinstance(found, Account) else key
    failures = await queries.read_failures(connection, throttle_key(digest_key, login, None))
    if (counted := _lately(failures.login, failures.now)) is not None:
        yield _failed(counted, failures.now)


def _ambiguous(found: Ambiguity) -> Hint:
    fix = {
        Ambiguity.UNBOUND_LOGIN: "Run `password-import reconcile`: it binds accounts to Okta users.",
        Ambiguity.SAME_LOGIN: "Run `password-import reconcile`: it finds which user has the login now.",
        Ambiguity.SEVERAL_CLAIMS: "Sign in with the full login.",
    }
    return Hint("bad", f"Several accounts claim this name ({found.value}), so it identifies none.", fix[found])


def _lately(failures: FailureCount | None, now: datetime) -> FailureCount | None:
    return failures if failures is not None and failures.failures and now - failures.since <= FORGET_AFTER else None


def _failed(counted: FailureCount, now: datetime) -> Hint:
    what = f"Recent failed sign-ins: {counted.failures:,}, the last one {ago(now - counted.since)} ago."
    if counted.failures >= LOGIN_FREE:
        return Hint("warn", what, "Attempts are delayed, by a minute at most: wait, then try the right password.")
    return Hint("warn", what, "From one address, attempts are delayed after five failures: wait up to 15 minutes.")


async def _account(
    connection: asyncpg.Connection, opener: HashOpener, listed: ListedAccount, found: Found
) -> FoundAccount:
    details = await account_details(connection, listed.id)
    meant = found if isinstance(found, Account) and found.id == listed.id else None
    return FoundAccount(listed, details, tuple(_of_account(opener, listed, details, meant)))


def _of_account(
    opener: HashOpener, listed: ListedAccount, details: AccountDetails, meant: Account | None
) -> Iterator[Hint]:
    if details.superseded:
        yield Hint(
            "warn", "Another account has this login in Okta by now.", "Sign in with the account's login in Okta."
        )
    match State(listed.state):
        case State.UNARMED:
            why = f" ({details.disabled_reason})" if details.disabled_reason else ""
            yield Hint("bad", f"It was loaded without a usable hash{why}.", "Reset the password in Okta.")
        case State.WAITING | State.VERIFIED:
            yield from _of_armed(opener, listed, details, meant)
        case State.MIGRATED:
            yield Hint(
                "ok",
                "It has migrated: Okta stores the password and no longer asks.",
                "If the person has forgotten the password, reset it in Okta.",
            )
        case State.RETIRED:
            yield Hint("bad", f"Its hash was deleted: {listed.proof}.", "Reset the password in Okta.")


def _of_armed(
    opener: HashOpener, listed: ListedAccount, details: AccountDetails, meant: Account | None
) -> Iterator[Hint]:
    if listed.okta_id is None:
        yield Hint(
            "warn",
            "It is not bound to an Okta user.",
            "If there is no such user, run `password-import provision`; otherwise run `password-import reconcile`.",
        )
    waited = timedelta() if listed.verified_at is None else datetime.now(UTC) - listed.verified_at
    if meant is not None:
        yield from _of_hashes(opener, meant)
    if listed.state == State.WAITING:
        yield Hint(
            "warn" if listed.okta_id else "",
            "The right password was not entered yet.",
            "If the person is sure of it: `password-import try LOGIN` checks it, and `--diagnose` finds the format.",
        )
    elif waited > VERIFIED_LONG_AGO:
        last = next((each for each in reversed(details.events) if each["effect"] == "kept"), None)
        why = f": {last['reason'] or last['outcome']}" if last else ", and sent no event"
        yield Hint(
            "bad",
            f"The right password was entered {ago(waited)} ago. Okta did not store it{why}.",
            "Run `password-import reconcile`, then `password-import hooks check`.",
        )
    else:
        yield Hint("ok", "The right password was entered, and Okta's SUCCESS is expected.", "No action is needed.")


def _of_hashes(opener: HashOpener, account: Account) -> Iterator[Hint]:
    work = 0.0
    for kept in account.hashes:
        try:
            work += opener.open(kept).work
        except MissingPepper as error:
            fix = f"Set {error.name} for every replica."
            yield Hint("bad", f"Its hash of {kept.source} needs the pepper {error.name}.", fix)
        except UNUSABLE as error:
            what = f"Its hash of {kept.source} ({kept.format}) cannot be checked: {type(error).__name__}."
            yield Hint("bad", what, "Check HASH_KEYS; otherwise reset the password in Okta.")
    if work > MAX_WORK:
        yield Hint("bad", "Its hashes cost more than a sign-in may take: it gets 503.", "Reset the password in Okta.")


# HTML.

FORM = Markup(
    '<form method="post" action="{}"><label for="name">Login, as the person types it'
    '<input id="name" name="name" type="text" autocomplete="off" autocapitalize="none" spellcheck="false"'
    ' maxlength="1024" required value="{}"></label><button type="submit">Search</button></form>'
)
NOTE = Markup('<p class="more">Each search is recorded in the audit trail. <a href="/">Back to the status page</a></p>')


def search_page(name: str = "", answer: Answer | None = None, *, wait: float = 0.0) -> str:
    """Return the search page with the result; `wait` is the number of seconds until the next search is allowed."""
    form = FORM.format(ACCOUNT_PATH, name) + NOTE
    heading = Markup("<header><h1>Why can this person not sign in?</h1></header>")
    content = [heading, CARD.format("Search one account", form)]
    if wait:
        hint = Hint("warn", "Too many searches.", f"Try again in {max(1, round(wait))} s.")
        content.append(CARD.format("Result", _hints([hint])))
    if answer is not None:
        if answer.hints:
            content.append(CARD.format("The name", _hints(answer.hints)))
        content += [_found(each) for each in answer.accounts]
        if answer.number > len(answer.accounts):
            told = Markup('<p class="more">{} of {:,} accounts with this name</p>')
            content.append(told.format(len(answer.accounts), answer.number))
    return frame("Search one account", Markup("").join(content))


def _hints(hints: Sequence[Hint]) -> Markup:
    items = Markup("").join(NOTICE.format(each.level, marked(each.what), marked(each.fix)) for each in hints)
    return Markup('<ul class="notices">{}</ul>').format(items)


def _found(account: FoundAccount) -> Markup:
    listed, details = account.listed, account.details
    rows: list[tuple[str, object, str]] = [
        ("Account", listed.id, ""),
        ("Login", listed.login, ""),
        ("Login in Okta", details.okta_login or "—", ""),
        ("Okta id", listed.okta_id or "—", ""),
        ("State", listed.state, ""),
        ("Loaded", moment(listed.loaded_at), ""),
        ("Verified", moment(listed.verified_at) if listed.verified_at else "—", ""),
        ("Hash deleted", moment(listed.forgotten_at) if listed.forgotten_at else "—", ""),
        ("Proof", listed.proof or "—", ""),
        ("Other names", ", ".join(details.identifiers) or "—", ""),
    ]
    for each in details.hashes:
        key = f", key {each['key_id']}" if each["key_id"] else ", not encrypted"
        rows.append((f"Hash of {each['source']}", f"{each['format']}, {each['cost']}{key}", ""))
    for each in reversed(details.events[-SHOWN:]):
        reason = f" ({each['reason']})" if each["reason"] else ""
        at = each["published"] or each["received_at"]
        rows.append(
            (f"Event of {moment(at)}", f"{each['outcome']}{reason}: {each['effect']}, by {each['channel']}", "")
        )
    shown = _hints(account.hints) + facts(rows)
    if len(details.events) > SHOWN:
        shown += Markup('<p class="more">{} of {:,} events</p>').format(SHOWN, len(details.events))
    return CARD.format(listed.login, shown)
