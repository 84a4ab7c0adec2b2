"""The report for auditors: consistent counts, each forgotten hash with its proof, keys, hooks, and its signature.

It names no person: accounts by number, users by Okta's id if that is part of a proof. Everything is read in one
repeatable-read transaction. The signed file is report.json, which contains the digests of the other files.
"""

import base64
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from importlib.metadata import version
from typing import Any, TextIO

import asyncpg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from service.administration import queries
from service.administration.stragglers import safe_cell
from service.immutable import immutable
from service.okta.hooks import HookKind
from service.store import evidence
from service.store.accounts import State
from service.store.evidence import Counts, Forgotten, MadeHook
from service.store.hash_keys import UsedKey, key_history
from service.store.migrations import schema_revision

JSON_FILE, HTML_FILE, CSV_FILE, SIGNATURE_FILE = "report.json", "report.html", "forgotten.csv", "report.json.sig"
COLUMNS = ("account", "state", "forgotten_at", "reason", "proof", "published", "transaction")
COMPARISON = (
    "The proofs are what this service recorded. They prove nothing by themselves: compare them with Okta's System Log. "
    'Search it for eventType eq "user.import.password" and outcome.result eq "SUCCESS", and look for the uuid of each '
    "event in the column proof of forgotten.csv. For the state retired, look up the user whose id the proof names. "
    "Okta keeps its log for 90 days, so export it in time."
)

TOLD_EVERY = 1000
"""Rows between two progress reports."""

# The forgotten hashes as CSV, written row by row with a running digest.


@dataclass(slots=True)
class ForgottenHashes:
    """The summary of the CSV."""

    rows: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    """SHA-256 of the file, in hexadecimal digits."""


class _Digested:
    """A text file with the digest of its content."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, text: str) -> int:
        self._digest.update(text.encode())
        return self._file.write(text)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


async def write_forgotten(
    connection: asyncpg.Connection, file: TextIO, progress: Callable[[int], None] = lambda _rows: None
) -> ForgottenHashes:
    """Write every forgotten hash, in the report's transaction; memory does not grow with the number of rows."""
    written, digested = ForgottenHashes(), _Digested(file)
    writer = csv.writer(digested, lineterminator="\n")
    writer.writerow(COLUMNS)
    async for each in evidence.forgotten(connection):
        writer.writerow(_row(each))
        written.rows += 1
        written.by_state[each.state] += 1
        written.by_reason[each.reason] += 1
        if written.rows % TOLD_EVERY == 0:
            progress(written.rows)
    written.digest = digested.hexdigest()
    return written


def _row(each: Forgotten) -> list[object]:
    texts = [safe_cell(text) for text in (each.reason, each.proof)]
    published = _time(each.published) or ""
    return [each.account_id, each.state, _time(each.forgotten_at), *texts, published, safe_cell(each.transaction_id)]


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


# The document.


@immutable
class FoundHook:
    """A hook as it is in the Okta org."""

    kind: HookKind
    hook_id: str
    uri: str


@immutable
class OrgHooks:
    """The hooks of one org."""

    org: str
    hooks: Sequence[FoundHook]


async def collect(
    connection: asyncpg.Connection,
    csv_file: TextIO,
    *,
    held_keys: Collection[str] = (),
    org: OrgHooks | None = None,
    base_url: str | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> dict[str, Any]:
    """Write the CSV and return the document; `org` contains Okta's hooks, None if Okta was not asked."""
    counts = await evidence.count(connection)
    by_state = await queries.accounts_by_state(connection)
    accounts = {state.value: by_state.get(state, 0) for state in State}
    by_key = await queries.hashes_by_key(connection)
    found = {
        "title": "Evidence of a password migration",
        "taken_at": _time(counts.taken_at),
        "version": version("password-import"),
        "schema": await schema_revision(connection),
        "accounts": {"total": counts.accounts} | accounts,
        "hashes": {
            "total": counts.hashes,
            "accounts": counts.accounts_with_hash,
            "by_format": await queries.hashes_by_format(connection),
            "by_key": {key: number for key, number in by_key.items() if key},
            "not_encrypted": by_key.get(None, 0),
        },
        "users_with_hook": counts.users_with_hook,
        "retired_because": await queries.proofs(connection),
        "events": await queries.events_by_effect(connection),
        "provisioned": await queries.provisioned(connection),
        "keys": await _keys(connection, by_key, held_keys),
        "hooks": _hooks(await evidence.made_hooks(connection), org, base_url),
        "reconciled": {work: _time(at) for work, at in (await queries.last_reconciled(connection)).items()},
    }
    written = await write_forgotten(connection, csv_file, progress)
    migrated = accounts[State.MIGRATED.value]
    return found | {
        "forgotten": {
            "total": written.rows,
            "by_state": dict(sorted(written.by_state.items())),
            "by_reason": dict(sorted(written.by_reason.items())),
            "event_recorded": counts.migrated_by_known_event,
            "event_pruned": migrated - counts.migrated_by_known_event,
        },
        "sums": list(_sums(found, written, counts)),
        "files": {CSV_FILE: {"rows": written.rows, "sha256": written.digest}},
        "comparison": COMPARISON,
    }


def _sums(found: Mapping[str, Any], written: ForgottenHashes, counts: Counts) -> Iterator[dict[str, Any]]:
    """Compare counts of the database with each other and with the number of rows written."""
    accounts, held, listed = found["accounts"], found["hashes"], written.by_state
    kept = sum(held["by_key"].values()) + held["not_encrypted"]
    retired_because = sum(found["retired_because"].values())
    for name, left, right in (
        ("accounts = unarmed + waiting + verified + migrated + retired", accounts["total"], _states(accounts)),
        ("waiting + verified = accounts with a hash", accounts["waiting"] + accounts["verified"], held["accounts"]),
        ("migrated = rows of forgotten.csv with that state", accounts["migrated"], listed["migrated"]),
        ("retired = rows of forgotten.csv with that state", accounts["retired"], listed["retired"]),
        ("retired = sum over the proofs", accounts["retired"], retired_because),
        ("deletions in the audit trail = rows of forgotten.csv with that state", counts.deleted, listed["deleted"]),
        ("hashes = sum over their formats", held["total"], sum(held["by_format"].values())),
        ("hashes = under keys + not encrypted", held["total"], kept),
    ):
        yield {"sum": name, "left": left, "right": right, "agrees": left == right}


def _states(accounts: Mapping[str, int]) -> int:
    return sum(accounts[state.value] for state in State)


async def _keys(
    connection: asyncpg.Connection, by_key: Mapping[str | None, int], held: Collection[str]
) -> list[dict[str, Any]]:
    known = {each.key_id: each for each in await key_history(connection)}
    ids = sorted({*known, *held, *(key for key in by_key if key)})
    return [_key(each, known.get(each), by_key.get(each, 0), is_held=each in held) for each in ids]


def _key(key_id: str, used: UsedKey | None, hashes: int, *, is_held: bool) -> dict[str, Any]:
    destroyed = used.destroyed_at if used else None
    return {
        "key": key_id,
        "state": _key_state(hashes, is_held=is_held, is_destroyed=destroyed is not None),
        "hashes": hashes,
        "first_used_at": _time(used.first_used_at) if used else None,
        "destroyed_at": _time(destroyed),
    }


def _key_state(hashes: int, *, is_held: bool, is_destroyed: bool) -> str:
    if is_destroyed:
        return "recorded as destroyed, but still configured" if hashes or is_held else "destroyed"
    if hashes:
        return "in use" if is_held else "in use, not configured"
    return "not in use, configured" if is_held else "not in use, not configured"


def _hooks(made: Sequence[MadeHook], org: OrgHooks | None, base_url: str | None) -> dict[str, Any]:
    there = {each.hook_id for each in org.hooks} if org else set()
    known = {each.hook_id for each in made}
    ours = (base_url or "\0").rstrip("/")
    others = [each for each in (org.hooks if org else ()) if each.hook_id not in known and each.uri.startswith(ours)]
    return {
        "asked": org.org if org else None,
        "made": [
            {
                "org": each.org,
                "kind": _label(each.kind),
                "id": each.hook_id,
                "made_at": _time(each.made_at),
                "left": each.hook_id in there if org and org.org == each.org else None,
            }
            for each in made
        ],
        "others_to_this_service": [{"kind": each.kind.label, "id": each.hook_id} for each in others],
    }


def _label(kind: str) -> str:
    return HookKind(kind).label if kind in set(HookKind) else kind


def disagreeing(document: Mapping[str, Any]) -> list[str]:
    """Return the sums that disagree. There are none unless rows were written by something other than this service."""
    return [each["sum"] for each in document["sums"] if not each["agrees"]]


def encoded(document: Mapping[str, Any]) -> bytes:
    """Encode the document as it is signed."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


# Signatures: Ed25519 (RFC 8032) over the bytes of report.json.


class BadKey(Exception):
    """A key that cannot sign or verify; the message names the fault and the fix."""


class NotAuthentic(Exception):
    """A report that differs from what was signed; the message names the file."""


def read_private_key(text: bytes) -> Ed25519PrivateKey:
    """Read a private key in PEM. Raises `BadKey`."""
    try:
        key = load_pem_private_key(text, None)
    except TypeError:
        raise BadKey("has a passphrase: remove it with openssl pkey") from None
    except ValueError:
        raise BadKey("contains no private key in PEM: make one with openssl genpkey -algorithm ed25519") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("is not an Ed25519 key: make one with openssl genpkey -algorithm ed25519")
    return key


def read_public_key(text: bytes) -> Ed25519PublicKey:
    """Read a public key in PEM. Raises `BadKey`."""
    try:
        key = load_pem_public_key(text)
    except ValueError:
        raise BadKey("contains no public key in PEM: write it with openssl pkey -in KEY -pubout") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey("is not an Ed25519 key")
    return key


def signature_note(key: Ed25519PrivateKey) -> dict[str, str]:
    """Describe the signature. A verifier needs the public key from another source."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"algorithm": "Ed25519", "public_key": base64.b64encode(raw).decode(), "file": SIGNATURE_FILE}


def verify(key: Ed25519PublicKey, document: bytes, signature: bytes, digests: Mapping[str, str | None]) -> int:
    """Verify the signature and the digest of each file named in the document; return the number of files.

    `digests` maps the names of the existing files to their SHA-256. Raises `NotAuthentic`.
    """
    try:
        key.verify(signature, document)
    except InvalidSignature:
        raise NotAuthentic(f"{JSON_FILE}: the signature does not match this key, or the file was changed") from None
    files: dict[str, dict[str, Any]] = json.loads(document)["files"]
    for name, known in files.items():
        if digests.get(name) is None:
            raise NotAuthentic(f"{name}: is missing, or can't be read")
        if digests[name] != known["sha256"]:
            raise NotAuthentic(f"{name}: was changed after the report was signed")
    return len(files)


# The page.

STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.note { border-left: 4px solid #c80; padding: .5rem 1rem; background: #c801; }
.bad { color: #c00; font-weight: 600; }
@media (prefers-color-scheme: dark) { .bad { color: #f66; } }
"""


def page(document: Mapping[str, Any]) -> str:
    """Return the document as one HTML page that loads no other resource."""
    title = escape(document["title"])
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        + "\n".join(_sections(document))
        + "\n</body></html>\n"
    )


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    held, files = document["hashes"], document["files"]
    yield f"<p>As of {escape(document['taken_at'])}, by password-import {escape(document['version'])}, schema "
    yield f"{escape(str(document['schema']))}. All figures are of one moment. No person is named.</p>"
    yield f'<p class="note">{escape(document["comparison"])}</p>'
    yield _counts("Accounts by state", document["accounts"])
    yield _table("Sums", ("sum", "left", "right", "agrees"), document["sums"])
    yield _counts("Forgotten hashes by reason", document["forgotten"]["by_reason"])
    rows, digest = files[CSV_FILE]["rows"], files[CSV_FILE]["sha256"]
    yield f"<p>Each of the {rows:,} is a row of {CSV_FILE}, SHA-256 <code>{escape(digest)}</code>.</p>"
    yield _counts(
        "Remaining hashes", {"all": held["total"], "not encrypted": held["not_encrypted"]} | held["by_format"]
    )
    yield f"<p>{document['users_with_hook']:,} users in Okta still have the password hook.</p>"
    yield _table("Encryption keys", ("key", "state", "hashes", "first_used_at", "destroyed_at"), document["keys"])
    hooks = document["hooks"]
    asked = (
        f"According to {escape(hooks['asked'])}." if hooks["asked"] else "Okta was not asked which of them still exist."
    )
    yield _table("Hooks that this installation created", ("org", "kind", "id", "made_at", "left"), hooks["made"])
    yield f"<p>{asked}</p>"
    if hooks["others_to_this_service"]:
        yield _table("Other hooks that point to this service", ("kind", "id"), hooks["others_to_this_service"])
    yield _counts("Import events by effect", document["events"])
    yield _table("Users created", ("method", "outcome", "number"), document["provisioned"])
    yield _table("Reconciled with Okta until", ("log", "users"), [document["reconciled"]])


def _counts(title: str, counts: Mapping[str, int]) -> str:
    return _table(title, ("what", "number"), [{"what": name, "number": number} for name, number in counts.items()])


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return f"<h2>{escape(title)}</h2>\n<p>None.</p>"
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "\n".join("<tr>" + "".join(_cell(row[name]) for name in columns) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2>\n<table>\n<tr>{head}</tr>\n{body}\n</table>"


def _cell(value: object) -> str:
    if value is False:
        return '<td class="bad">no</td>'
    if value is True or value is None:
        return "<td>yes</td>" if value else "<td>&ndash;</td>"
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"
