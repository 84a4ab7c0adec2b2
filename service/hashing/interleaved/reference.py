"""Reference for the kernel: the bcrypt package's verdict on a job in binary form."""

import base64
import hmac

import bcrypt

from service.hashing.interleaved.engine import BcryptJob

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT64 = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FROM_BCRYPT64 = bytes.maketrans(_BCRYPT64, _STANDARD)
_TO_BCRYPT64 = bytes.maketrans(_STANDARD, _BCRYPT64)


def job_of(key: bytes, hashed: bytes) -> BcryptJob:
    """Return the check of `key` against a whole bcrypt hash: `$2b$`, two digits of cost, `$`, 53 characters."""
    return BcryptJob(key, _decode(hashed[7:29]), int(hashed[4:6]), _decode(hashed[29:]))


def compute(key: bytes, salt: bytes, cost: int) -> bytes:
    """Return the 23 bytes of digest, as the bcrypt package computes them."""
    text = base64.b64encode(salt).rstrip(b"=").translate(_TO_BCRYPT64)
    return _decode(bcrypt.hashpw(key, b"$2b$%02d$" % cost + text)[29:])


def matches(job: BcryptJob) -> bool:
    """Tell whether the package finds the digest of `job`, compared in constant time."""
    return hmac.compare_digest(compute(job.key, job.salt, job.cost), job.digest)


def _decode(text: bytes) -> bytes:
    return base64.b64decode(text.translate(_FROM_BCRYPT64) + b"=" * (-len(text) % 4))
