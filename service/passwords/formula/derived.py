"""The operations of a formula that are slow on purpose: PBKDF2, scrypt, bcrypt. Knows no notation, no stored hash."""

import hashlib

from service.immutable import immutable
from service.passwords.bcrypt import hash_bcrypt
from service.passwords.formula.digested import written
from service.passwords.formula.operations import Operation
from service.passwords.formula.values import Form, Given, Value


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
        """The derived key in its form."""
        password, salt = given.encode(self.password.evaluate(given)), given.encode(self.salt.evaluate(given))
        key = hashlib.pbkdf2_hmac(self.algorithm, password, salt, self.iterations, self.size)
        return written(key, self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Password and salt."""
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
        """The derived key in its form."""
        password, salt = given.encode(self.password.evaluate(given)), given.encode(self.salt.evaluate(given))
        memory = 128 * self.r * (self.n + self.p + 2) + (1 << 20)  # bytes; OpenSSL refuses without room to spare
        key = hashlib.scrypt(password, salt=salt, n=self.n, r=self.r, p=self.p, maxmem=memory, dklen=self.size)
        return written(key, self.form)

    def parts(self) -> tuple[Operation, ...]:
        """Password and salt."""
        return (self.password, self.salt)


@immutable
class Bcrypt:
    """bcrypt with the cost and salt of the stored hash, which it computes whole."""

    operand: Operation

    def evaluate(self, given: Given) -> Value:
        """The whole hash; of the operand the first 72 bytes count, as in every store."""
        return hash_bcrypt(given.encode(self.operand.evaluate(given)), given.setting).decode("ascii")

    def parts(self) -> tuple[Operation, ...]:
        """What is hashed."""
        return (self.operand,)
