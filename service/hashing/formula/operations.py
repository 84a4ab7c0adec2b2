"""The operations of a formula: a closed set, each of which computes its own value."""

import enum
import hashlib
from collections.abc import Iterator
from typing import Protocol

from service.hashing.digests import SIZES, digest, for_rounds, keyed_digest
from service.hashing.format import Format
from service.hashing.formats.argon2 import ARGON2_VERSION as VERSION
from service.hashing.formats.argon2 import TYPES, argon2_key
from service.hashing.formats.bcrypt import hash_bcrypt
from service.hashing.formats.pbkdf2 import pbkdf2
from service.hashing.formula.functions import FUNCTIONS, Form, Given, Value
from service.immutable import immutable


class Operation(Protocol):
    """A part of a parsed formula. Immutable and picklable."""

    def evaluate(self, given: Given) -> Value:
        """Compute the value. Raises only `UnicodeError`, if a character does not fit its charset."""
        ...

    def parts(self) -> "tuple[Operation, ...]":
        """Return the operations whose values this one uses."""
        ...


@immutable
class Literal:
    """A text in quotes."""

    value: str

    def evaluate(self, given: Given) -> Value:  # noqa: ARG002 (a constant)
        """Return the text."""
        return self.value

    def parts(self) -> tuple[Operation, ...]:
        """Return none."""
        return ()


@immutable
class Variable:
    """A value of the row or of the call."""

    name: str

    def evaluate(self, given: Given) -> Value:
        """Return the value; `salt1` is the salt up to its first colon and `salt2` the rest."""
        match self.name:
            case "pass":
                return given.password
            case "user":
                return given.username
            case "pepper":
                return given.pepper
            case "salt":
                return given.salt
            case "salt1":
                return given.decode(given.salt).partition(":")[0]
            case _:
                return given.decode(given.salt).partition(":")[2]

    def parts(self) -> tuple[Operation, ...]:
        """Return none."""
        return ()


@immutable
class Concatenation:
    """The concatenation of values."""

    values: tuple[Operation, ...]

    def evaluate(self, given: Given) -> Value:
        """Return text if all values are text, else bytes."""
        values = [value.evaluate(given) for value in self.values]
        texts = [value for value in values if isinstance(value, str)]
        return "".join(texts) if len(texts) == len(values) else b"".join(map(given.encode, values))

    def parts(self) -> tuple[Operation, ...]:
        """Return the values."""
        return self.values


@immutable
class Applied:
    """A function of one value, such as `lower`, with whole numbers as further arguments."""

    function: str
    operand: Operation
    numbers: tuple[int, ...] = ()

    def evaluate(self, given: Given) -> Value:
        """Return the function's value."""
        return FUNCTIONS[self.function].apply(given, self.operand.evaluate(given), *self.numbers)

    def parts(self) -> tuple[Operation, ...]:
        """Return the operand."""
        return (self.operand,)


@immutable
class Checked:
    """A named format that checks the operand instead of the password, as after hashing the stored hashes again."""

    format: Format
    operand: Operation

    def evaluate(self, given: Given) -> Value:
        """Return the value that the named format receives as the password."""
        return given.decode(self.operand.evaluate(given))

    def parts(self) -> tuple[Operation, ...]:
        """Return the operand."""
        return (self.operand,)


def walk(operation: Operation) -> Iterator[Operation]:
    """Yield an operation and all operations that it contains."""
    yield operation
    for part in operation.parts():
        yield from walk(part)


# The operations of a formula that are digests: in rounds, and under a key.


class Feed(enum.Enum):
    """The input of the next round."""

    HEX = "hex"
    """The digest in hex, as PHP's functions return it."""
    RAW = "raw"
    """The digest's bytes."""
    CHAIN = "chain"
    """The digest's bytes followed by the first input again (Symfony's MessageDigestPasswordEncoder)."""


def written(digest: bytes, form: Form | None) -> Value:
    """Return a digest in its form; hex if the formula states none, as in hashcat's notation."""
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
        """Return the digest in its form."""
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
        """Return the operand."""
        return (self.operand,)


@immutable
class Keyed:
    """HMAC (RFC 2104)."""

    algorithm: str
    key: Operation
    message: Operation
    form: Form | None = None

    def evaluate(self, given: Given) -> Value:
        """Return the code in its form."""
        key, message = given.encode(self.key.evaluate(given)), given.encode(self.message.evaluate(given))
        return written(keyed_digest(self.algorithm, key, message), self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Key and message."""
        return (self.key, self.message)


# The operations of a formula that are slow by design: PBKDF2, scrypt, Argon2, bcrypt.


@immutable
class Pbkdf2:
    """PBKDF2 (RFC 8018)."""

    algorithm: str
    password: Operation
    salt: Operation
    iterations: int
    size: int
    form: Form | None = None

    def evaluate(self, given: Given) -> Value:
        """Return the derived key in its form."""
        password, salt = given.encode(self.password.evaluate(given)), given.encode(self.salt.evaluate(given))
        key = pbkdf2(self.algorithm, salt, self.iterations, self.size, password)
        return written(key, self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Return password and salt."""
        return (self.password, self.salt)


@immutable
class Scrypt:
    """scrypt (RFC 7914)."""

    password: Operation
    salt: Operation
    n: int
    r: int
    p: int
    size: int
    form: Form | None = None

    def evaluate(self, given: Given) -> Value:
        """Return the derived key in its form."""
        password, salt = given.encode(self.password.evaluate(given)), given.encode(self.salt.evaluate(given))
        memory = 128 * self.r * (self.n + self.p + 2) + (1 << 20)  # bytes; OpenSSL fails without extra room
        key = hashlib.scrypt(password, salt=salt, n=self.n, r=self.r, p=self.p, maxmem=memory, dklen=self.size)
        return written(key, self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Return password and salt."""
        return (self.password, self.salt)


@immutable
class Argon2:
    """Argon2 (RFC 9106), version 1.3."""

    kind: str
    """`i`, `d` or `id`."""
    password: Operation
    salt: Operation
    passes: int
    memory: int
    """KiB."""
    lanes: int
    size: int
    form: Form | None = None

    def evaluate(self, given: Given) -> Value:
        """Return the derived key in its form."""
        password, salt = given.encode(self.password.evaluate(given)), given.encode(self.salt.evaluate(given))
        cost = (self.memory, self.passes, self.lanes)
        return written(argon2_key(TYPES[self.kind], VERSION, cost, salt, self.size, password), self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Return password and salt."""
        return (self.password, self.salt)


Digested = Hashed | Keyed | Pbkdf2 | Scrypt | Argon2
"""Operations that yield a digest, whose form may be stated."""


@immutable
class Bcrypt:
    """bcrypt with the cost and salt of the stored hash; computes the whole hash."""

    operand: Operation

    def evaluate(self, given: Given) -> Value:
        """Return the whole hash; only the first 72 bytes of the operand are used, as in every store."""
        return hash_bcrypt(given.encode(self.operand.evaluate(given)), given.setting).decode("ascii")

    def parts(self) -> tuple[Operation, ...]:
        """Return the operand."""
        return (self.operand,)


# The length of a formula's value, and whether it is bytes, as far as it does not depend on the password.

_SAME_LENGTH = frozenset({"lower", "upper", "strtolower", "strtoupper", "ucfirst", "strrev", "raw", "ascii"})


def length_of(operation: Operation) -> int | None:
    """Return the characters (or bytes) of the value, or None if they depend on the password."""
    match operation:
        case Literal():
            return len(operation.value)
        case Hashed() | Keyed():
            return (operation.form or Form.HEX).length(SIZES[operation.algorithm])
        case Pbkdf2() | Scrypt() | Argon2():
            return (operation.form or Form.HEX).length(operation.size)
        case Concatenation():
            lengths = [length_of(value) for value in operation.values]
            return None if None in lengths else sum(filter(None, lengths))
        case Applied():
            return _applied(operation)
        case _:
            return None


def yields_bytes(operation: Operation) -> bool:
    """Return whether the value is known to be raw bytes, which functions of text cannot use."""
    match operation:
        case Hashed() | Keyed() | Pbkdf2() | Scrypt() | Argon2():
            return operation.form is Form.RAW
        case Applied():
            return FUNCTIONS[operation.function].yields_bytes
        case _:
            return any(yields_bytes(part) for part in operation.parts())


def _applied(operation: Applied) -> int | None:
    length = length_of(operation.operand)
    if length is None:
        return None
    match operation.function:
        case "left" | "right":
            return min(length, operation.numbers[0])
        case "cut":
            return len(range(length)[operation.numbers[0] :][: operation.numbers[1] if operation.numbers[1:] else None])
        case "base64" | "base64url":
            return -(-length // 3) * 4
        case "hex" | "hexupper":
            return 2 * length
        case function:
            return length if function in _SAME_LENGTH else None
