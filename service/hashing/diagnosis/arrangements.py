"""Alternative arrangements of a row: hash and salt in one column that `load` does not split, and short user names."""

from collections.abc import Iterator
from dataclasses import replace

from service.hashing.diagnosis.case import Case
from service.hashing.diagnosis.target import goals_of
from service.hashing.digests import SIZES
from service.hashing.encodings import HEX, unbase64
from service.hashing.format import MalformedHash
from service.immutable import immutable

SEPARATORS = ":$.|,;#*-_@/ "
MIN_HEX = 32
"""Digits of the shortest digest."""


@immutable
class Arrangement:
    """An arrangement of the row, and the change to the export that it requires."""

    case: Case
    notes: tuple[str, ...] = ()


def arrangements(case: Case) -> list[Arrangement]:
    """Return the row unchanged, then other arrangements of it."""
    found = [Arrangement(case)]
    if case.salt is None:
        found += _splits(case)
    else:
        found += _beside(case)
    for each in list(found):
        found += _short_names(each)
    return found


def _splits(case: Case) -> Iterator[Arrangement]:
    """Split hash and salt in one column, with a separator or without."""
    text = case.hash.strip()
    for sign in SEPARATORS:
        if text.startswith(sign) and sign in text[1:]:
            salt, _, digest = text[1:].rpartition(sign)
            if goals_of(digest, None):
                change = f"remove the first {sign!r} and split the column at the last: the salt, then the digest"
                yield Arrangement(replace(case, hash=digest, salt=salt), (change,))
        if sign in text:
            first, _, rest = text.partition(sign)
            if rest and goals_of(first, None):
                # `load` splits at the first colon itself.
                note = () if sign == ":" else (f"split the column at the first {sign!r}: the digest, then the salt",)
                yield Arrangement(replace(case, hash=first, salt=rest) if note else replace(case, salt=rest), note)
            rest, _, last = text.rpartition(sign)
            if rest and goals_of(last, None):
                note = (f"split the column at the last {sign!r}: the salt, then the digest",)
                yield Arrangement(replace(case, hash=last, salt=rest), note)
    if len(text) > MIN_HEX and (HEX.fullmatch(text[:MIN_HEX]) or HEX.fullmatch(text[-MIN_HEX:])):
        yield from _run_together(case, text)
    if not HEX.fullmatch(text):
        yield from _run_together_in_base64(case, text)


def _run_together(case: Case, text: str) -> Iterator[Arrangement]:
    for digits in sorted({2 * size for size in SIZES.values() if 2 * size < len(text)}, reverse=True):
        salt = len(text) - digits
        if HEX.fullmatch(text[salt:]):
            yield Arrangement(
                replace(case, hash=text[salt:], salt=text[:salt]),
                (f"split the column: the first {salt} characters are the salt",),
            )
        if HEX.fullmatch(text[:digits]):
            yield Arrangement(
                replace(case, hash=text[:digits], salt=text[digits:]),
                (f"split the column: the last {salt} characters are the salt",),
            )


def _run_together_in_base64(case: Case, text: str) -> Iterator[Arrangement]:
    try:
        raw = unbase64(text)
    except MalformedHash:
        return
    for size in sorted({size for size in SIZES.values() if size < len(raw)}, reverse=True):
        salt = len(raw) - size
        yield Arrangement(
            replace(case, hash=raw[salt:].hex(), salt=raw[:salt].hex()),
            (f"decode the base64 and write hex: the first {salt} bytes are the salt, the others the digest",),
        )
        yield Arrangement(
            replace(case, hash=raw[:size].hex(), salt=raw[size:].hex()),
            (f"decode the base64 and write hex: the first {size} bytes are the digest, the others the salt",),
        )


def _beside(case: Case) -> Iterator[Arrangement]:
    """Yield the hash without a salt column's copy in it."""
    text, salt = case.hash.strip(), case.salt or ""
    for sign in SEPARATORS:
        if salt and text.endswith(sign + salt) and sign != ":":
            yield Arrangement(
                replace(case, hash=text[: -len(salt) - 1]), (f"remove the salt and the {sign!r} after the digest",)
            )
        if salt and text.startswith(salt + sign):
            yield Arrangement(
                replace(case, hash=text[len(salt) + 1 :]), (f"remove the salt and the {sign!r} before the digest",)
            )


def _short_names(given: Arrangement) -> Iterator[Arrangement]:
    name = given.case.username or ""
    for part, note in ((name.partition("@")[0], "before the @"), (name.rpartition("\\")[2], "after the \\")):
        if part and part != name:
            notes = (*given.notes, f"load the part of the name {note} as the column username")
            yield Arrangement(replace(given.case, username=part), notes)
