"""The operations of a formula that are digests: in rounds, and under a key. Knows no notation and no stored hash."""

import enum

from service.immutable import immutable
from service.passwords.digests import digest, for_rounds, keyed_digest
from service.passwords.formula.operations import Operation
from service.passwords.formula.values import Form, Given, Value


class Feed(enum.Enum):
    """What the next of several rounds hashes."""

    HEX = "hex"
    """The digest in hex, as PHP's functions return it."""
    RAW = "raw"
    """The digest's bytes."""
    CHAIN = "chain"
    """The digest's bytes followed by the first input again (Symfony's MessageDigestPasswordEncoder)."""


def written(digest: bytes, form: Form | None) -> Value:
    """A digest in its form; hex where the formula states none, because that is what hashcat's notation means."""
    return (form or Form.HEX).write(digest)


@immutable
class Hashed:
    """A digest, once or in rounds."""

    algorithm: str
    operand: Operation
    form: Form | None = None
    rounds: int = 1
    feed: Feed | None = None

    def evaluate(self, given: Given) -> Value:
        """The digest in its form."""
        data = given.encode(self.operand.evaluate(given))
        value = digest(self.algorithm, data)
        return written(self._repeat(value, data) if self.rounds > 1 else value, self.form)

    def _repeat(self, value: bytes, data: bytes) -> bytes:
        hashed, more = for_rounds(self.algorithm), range(self.rounds - 1)
        match self.feed:
            case Feed.RAW:
                for _ in more:
                    value = hashed(value)
            case Feed.CHAIN:
                for _ in more:
                    value = hashed(value + data)
            case _:
                for _ in more:
                    value = hashed(value.hex().encode("ascii"))
        return value

    def parts(self) -> tuple[Operation, ...]:
        """What is hashed."""
        return (self.operand,)


@immutable
class Keyed:
    """HMAC (RFC 2104)."""

    algorithm: str
    key: Operation
    message: Operation
    form: Form | None = None

    def evaluate(self, given: Given) -> Value:
        """The code in its form."""
        key, message = given.encode(self.key.evaluate(given)), given.encode(self.message.evaluate(given))
        return written(keyed_digest(self.algorithm, key, message), self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Key and message."""
        return (self.key, self.message)
