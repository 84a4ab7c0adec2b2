"""Words that a policy does not have, and what was probably meant by them. Reads no policy.

A word that is merely mistyped is guessed by its letters. Words of other languages need a hint of their own: by their
letters they are like nothing, or like the contrary of what is meant (`not_equals` is close to `equals`).
"""

import difflib
import re
from collections.abc import Collection, Mapping

_PATTERN = "write pattern, which matches the whole value"
_CONTRARY = "write not before the attribute, as in when.not.country.equals, or ask in unless"
_BOUNDS = "{ min = …, max = … }, both included; one of them is enough"

_TESTS = {
    "contains includes substring like": f'{_PATTERN}: pattern = ".*part.*"',
    "startswith beginswith prefix": f'{_PATTERN}: pattern = "start.*"',
    "endswith suffix": f'{_PATTERN}: pattern = ".*end"; for an address write domain or within_domain',
    "regex regexp re match matches": _PATTERN,
    "in isin anyof any inlist": "write one_of, with a list",
    "not isnot ne neq unequal notequal notequals notin noneof notoneof notcontains notmatches": _CONTRARY,
    "eq is equal": "write equals",
    "min max minimum maximum gt gte lt lte greaterthan lessthan between range": f"write number = {_BOUNDS}",
    "minlength maxlength minlen maxlen len size": f"write length = {_BOUNDS}",
    "exists missing absent blank null isnull isempty notempty required": "write present, with true or false",
    "subdomain subdomains subdomainof": "write within_domain",
    "iequals equalsignorecase": "write equals, and ignore_case = true beside it",
    "caseinsensitive casesensitive": "case counts, unless you write ignore_case = true",
}
_RULE = {
    "if condition where": "write when",
    "then action do": "write deny, set or allow",
    "reject refuse block forbid": "write deny",
    "and or not all any": "it belongs to when or unless",
    "summary message reason location": "it belongs to deny",
}
_JOINS = {
    "and allof": "write all = [{ … }, { … }]; tests that stand side by side must all be true without it",
    "or anyof oneof": "write any = [{ … }, { … }]",
    "nor none noneof": "write not.any = [{ … }, { … }]",
}


def _by_word(hints: Mapping[str, str]) -> dict[str, str]:
    return {word: hint for words, hint in hints.items() for word in words.split()}


_HINTS_OF_TESTS = _by_word(_TESTS)
_HINTS_OF_RULE = _by_word(_RULE)
_HINTS_OF_JOINS = _by_word(_JOINS)


def suggestion(word: str, allowed: Collection[str]) -> str:
    """Say which word was probably meant."""
    close = difflib.get_close_matches(word, allowed, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; it may be {', '.join(allowed)}"


def hint_of_rule(word: str) -> str | None:
    """Say what this language has for a word that other languages make a rule of; None for any other word."""
    return _HINTS_OF_RULE.get(_plain(word))


def hint_of_test(word: str) -> str | None:
    """Say what this language has for a word that other languages test a value by; None for any other word."""
    return _HINTS_OF_TESTS.get(_plain(word))


def hint_of_join(word: str) -> str | None:
    """Say what this language has for a word that other languages join conditions by; None for any other word."""
    return _HINTS_OF_JOINS.get(_plain(word))


def _plain(word: str) -> str:
    """Give a word however it is spelt: `startsWith` and `starts-with` as `startswith`."""
    return re.sub(r"[^a-z]", "", word.lower())
