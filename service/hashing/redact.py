"""Descriptions of unknown hashes that show their pattern and not their text.

Algorithm prefixes (`$x9$`, `{SSHA}`, `pbkdf2_sha256$`), parameter names (`m=`) and separators are kept. Digits and
letters become classes with their length.
"""

import re

MAX_PATTERN = 120
"""Maximum length of a pattern, so that reports stay readable."""
MAX_LENGTH = 8192
"""Number of characters of a text that are examined."""
MIN_HEX = 8
"""The shortest run that is called hex; a shorter one may be a word or a number."""
MIN_BASE64 = 16
_ALGORITHM = (
    r"[A-Za-z0-9_-]{0,12}(?i:md[245]|sha|crypt|scrypt|pbkdf|argon|hmac|blake|hash|whirl|ripemd)[A-Za-z0-9_-]{0,12}"
)
_MARK = re.compile(
    rf"\$[A-Za-z0-9]{{1,4}}(?=[$,])|\$?{_ALGORITHM}(?=[$:,|;*])|\{{[A-Za-z][A-Za-z0-9_@.-]{{0,30}}\}}|0x|\*"
)
"""At most four characters between dollars, since an unknown layout might have a salt there."""
_PART = re.compile(
    r"(?P<name>[a-z]{1,10}=)(?P<number>[0-9]+)(?![0-9A-Za-z])"
    r"|(?P<run>[0-9A-Za-z./+_=-]+)|(?P<space>\s+)|(?P<other>[^\x21-\x7e\s]+)|(?P<sign>.)",
    re.DOTALL,
)


def pattern_of(text: str) -> str:
    """Return the anonymised pattern, for instance ``$x9$hex{32}``; hashes of one layout have similar patterns."""
    mark = _MARK.match(text)
    start = mark.end() if mark else 0
    pattern = text[:start] + "".join(_class_of(part) for part in _PART.finditer(text[:MAX_LENGTH], start))
    return pattern if len(pattern) <= MAX_PATTERN else pattern[: MAX_PATTERN - 1] + "…"


def _class_of(part: re.Match[str]) -> str:
    if part["name"]:
        return f"{part['name']}digits{{{len(part['number'])}}}"
    if part["sign"]:
        return part["sign"]
    kind = "space" if part["space"] else "other" if part["other"] else _alphabet(part["run"])
    return f"{kind}{{{len(part[0])}}}"


def _alphabet(run: str) -> str:
    if run.isdigit():
        return "digits"
    if len(run) >= MIN_HEX and re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", run):
        return "HEX" if run.isupper() else "hex"
    if len(run) >= MIN_BASE64 and re.fullmatch(r"[0-9A-Za-z+/]+={0,2}", run):
        return "base64"
    return "chars"
