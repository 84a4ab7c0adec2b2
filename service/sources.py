"""What the hashes of a legacy store need: format, charset, pepper and the rest. Knows hash formats and no store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SALT_ENCODINGS = ("text", "hex", "base64")
"""What a salt column may hold."""


@dataclass(frozen=True, slots=True)
class Source:
    """A legacy store, as its hashes need it; a row may say otherwise for itself."""

    name: str
    format: str | None = None
    """A format or formula; None where each hash describes itself, or each row names its format."""
    charset: str = "utf-8"
    pepper_env: str | None = None
    iterations: int | None = None
    salt_encoding: str = "text"
    username: str | None = None
    """The column that holds the name which was mixed into the hash; None for `username` or `user`."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
