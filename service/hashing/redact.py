"""Descriptions of unknown hashes that show their pattern and not their text.

What names an algorithm at the start (`$x9$`, `{SSHA}`, `pbkdf2_sha256$`), the names of parameters (`m=`) and separators
are kept; digits and letters become classes with their length.
"""

import re

MAX_PATTERN = 120
"""Characters of a pattern, so that a report stays readable."""
MAX_LENGTH = 8192
"""Characters of a text that are looked at."""
MIN_HEX = 8
"""Characters from which on digits of hex are called that; shorter ones may be a word or a number."""
MIN_BASE64 = 16
_ALGORITHM = (
    r"[A-Za-z0-9_-]{0,12}(?i:md[245]|sha|crypt|scrypt|pbkdf|argon|hmac|blake|hash|whirl|ripemd)[A-Za-z0-9_-]{0,12}"
)
_MARK = re.compile(
    rf"\$[A-Za-z0-9]{{1,4}}(?=[$,])|\$?{_ALGORITHM}(?=[$:,|;*])|\{{[A-Za-z][A-Za-z0-9_@.-]{{0,30}}\}}|0x|\*"
)
"""At most four characters between dollars, since a salt might stand there in a layout that nobody knows."""
_PART = re.compile(
    r"(?P<name>[a-z]{1,10}=)(?P<number>[0-9]+)(?![0-9A-Za-z])"
    r"|(?P<run>[0-9A-Za-z./+_=-]+)|(?P<space>\s+)|(?P<other>[^\x21-\x7e\s]+)|(?P<sign>.)",
    re.DOTALL,
)


def pattern_of(text: str) -> str:
    """The anonymised pattern, for instance ``$x9$hex{32}``; hashes of one layout have equal or like patterns."""
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
