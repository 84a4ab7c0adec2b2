"""The values of a formula: text, which has letters and becomes bytes by a charset, and bytes. Knows no operation."""

import base64
import enum
from dataclasses import field

from service.immutable import immutable

Value = str | bytes


class Form(enum.Enum):
    """In which form a digest is handed to what is around it."""

    HEX = "hex"
    UPPER = "hexupper"
    RAW = "raw"
    BASE64 = "base64"

    def write(self, digest: bytes) -> Value:
        """The digest in this form: text, except for `RAW`."""
        match self:
            case Form.RAW:
                return digest
            case Form.HEX:
                return digest.hex()
            case Form.UPPER:
                return digest.hex().upper()
            case Form.BASE64:
                return base64.b64encode(digest).decode("ascii")

    def length(self, size: int) -> int:
        """How many characters (of `RAW`: bytes) a digest of `size` bytes has in this form."""
        return len(self.write(bytes(size)))


@immutable
class Given:
    """What one evaluation is given: the password that is tried, and what the row holds."""

    password: str = field(repr=False)
    salt: Value = field(default=b"", repr=False)
    username: str = field(default="", repr=False)
    pepper: Value = field(default=b"", repr=False)
    setting: bytes = field(default=b"", repr=False)
    """The stored bcrypt hash, from which `bcrypt(…)` takes its cost and salt."""
    charset: str = "utf-8"

    def encode(self, value: Value) -> bytes:
        """Bytes of a value. Raises `UnicodeEncodeError` where the charset lacks a character."""
        return value.encode(self.charset) if isinstance(value, str) else value

    def decode(self, value: Value) -> str:
        """Text of a value. Raises `UnicodeDecodeError` where the bytes are none in the charset."""
        return value if isinstance(value, str) else value.decode(self.charset)
