"""What is text in the charset of an export, and what is none. Knows no file.

What is outside the charset becomes lone surrogates (Python's `surrogateescape`; in UTF-16 and UTF-32 they are in the
file already), so that the row that holds them is refused by itself and can be written to the rejects file as it was.
"""

import codecs


def errors_in(charset: str) -> str:
    """Name how Python keeps what is no text in a charset, so that it can be written again."""
    return "surrogatepass" if codecs.lookup(charset).name.startswith(("utf-16", "utf-32")) else "surrogateescape"


def is_clean(text: str) -> bool:
    """Tell whether PostgreSQL can keep it as text: no NUL, and nothing outside the charset of its file."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def fault_of(text: str, charset: str) -> str:
    """Say what is wrong with a text that is not clean."""
    return "a NUL character" if "\0" in text else f"bytes that are not {charset}"
