"""Named formats that may explain a hash: over the password itself, or over a value derived from it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from service.hashing import registry
from service.hashing.diagnosis.case import Candidate, Case
from service.hashing.diagnosis.enumeration import keyed_terms, keys, placed
from service.hashing.diagnosis.target import goals_of
from service.hashing.diagnosis.terms import FORMS, MAIN, OTHERS, Term, Terms, core, digested
from service.hashing.executor import Executor
from service.hashing.format import Format, StoredHash, UnusableHash
from service.hashing.formula.functions import Form

NOT_TRIED = frozenset({"multiple"})
"""Contains other hashes, each of which is a case of its own."""


def named(case: Case, charsets: Iterable[str], *, slow: bool = False) -> Iterator[Candidate]:
    """Yield the named formats that can parse the row, the likeliest first.

    `slow` yields those that are skipped otherwise: slow functions that the hash's layout does not show, which any
    digest of the right length could be.
    """
    likely = [each for each in registry.candidates(case.hash) if each.name not in NOT_TRIED]
    chosen = tuple(charsets)
    if not slow:
        for each in likely:
            yield from _candidates(each, case, chosen)
    for each in registry.FORMATS:
        if each not in likely and each.name not in NOT_TRIED:
            for candidate in _candidates(each, case, chosen):
                if _executor(case, candidate) in ((Executor.THREAD, Executor.PROCESS) if slow else (Executor.INLINE,)):
                    yield candidate


def _candidates(each: Format, case: Case, charsets: tuple[str, ...]) -> Iterator[Candidate]:
    encodings = ("text", "hex", "base64") if case.salt is not None else ("text",)
    for charset in charsets:
        for pepper in (None, *case.peppers):
            for encoding in encodings:
                yield Candidate(each.name, charset, encoding, case.base.iterations, pepper)


def _executor(case: Case, candidate: Candidate) -> Executor | None:
    recipe = replace(
        case.base,
        format=candidate.format,
        charset=candidate.charset,
        salt_encoding=candidate.salt_encoding,
        pepper_env=candidate.pepper_env,
    )
    pepper = case.peppers.get(candidate.pepper_env) if candidate.pepper_env else None
    try:
        return registry.check(StoredHash(case.hash, recipe, case.salt, case.username, pepper)).executor
    except UnusableHash:
        return None


# Self-describing hashes over a value derived from the password, such as `bcrypt(md5($pass))`.
#
# Their functions are slow by design, so there are few candidates, the likeliest first. Each is checked with the
# service's own code.

_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$.{53}", re.DOTALL)
ALGORITHMS = ("sha256", "md5", "sha1", "sha512", "sha384")
"""The inputs tried for a slow function, the likeliest first."""


def wrappers(text: str) -> list[str]:
    """Return the possible outermost functions."""
    if goals_of(text.partition(":")[0], None):  # a bare digest, which the systematic search covers faster
        return []
    found = ["bcrypt"] if _BCRYPT.fullmatch(text) else []
    named = (each.name for each in registry.candidates(text))
    return found + [name for name in named if not found or not name.startswith("bcrypt")]


def wrapped(text: str, terms: Terms) -> Iterator[str]:
    """Yield formulas of a slow function over inputs that products have used, the likeliest first."""
    names = wrappers(text)
    seen = {terms.password.value}
    for term in _ordered(terms) if names else ():
        if term.value not in seen:
            seen.add(term.value)
            yield from (f"{name}({term.formula})" for name in names)


def _ordered(terms: Terms) -> Iterable[Term]:
    contexts = core(terms)
    plain = [terms.password]
    single, pairs = terms.passwords[:8], contexts[1:]
    return chain(
        digested(plain, ALGORITHMS[:4]),
        placed(plain, [each for each in pairs if "$pepper" in each.left + each.right]),
        digested(plain, ALGORITHMS, (Form.HEX, Form.BASE64)),
        terms.passwords,
        placed(plain, pairs),
        digested(plain, ALGORITHMS, (Form.UPPER, Form.RAW)),
        digested(list(digested(plain, MAIN)), MAIN),
        digested(single[1:], ALGORITHMS),
        keyed_terms(keys(terms), plain, ALGORITHMS),
        digested(list(placed(plain, pairs)), MAIN, (Form.HEX, Form.BASE64)),
        placed(list(digested(plain, MAIN)), pairs),
        digested(list(placed(list(digested(plain, MAIN)), pairs)), MAIN, (Form.HEX, Form.BASE64)),
        digested(list(digested(plain, MAIN, FORMS)), MAIN, FORMS),
        digested(list(placed(single, contexts)), (*ALGORITHMS, *OTHERS), FORMS),
        terms.wide,
        digested(terms.wide, ALGORITHMS, FORMS),
    )
