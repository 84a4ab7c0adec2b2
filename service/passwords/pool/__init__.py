"""The hashing pool: runs checks on every core, within a promised time. Knows no format, no account, no HTTP.

`HashingPool` admits, queues and runs; `SingleFlight` lets a repeated call wait for the first one's verdict.
"""

from service.passwords.pool.admission import Overloaded
from service.passwords.pool.hashing import HashingPool, Snapshot
from service.passwords.pool.job import CheckFailed
from service.passwords.pool.joins import SingleFlight

__all__ = ["CheckFailed", "HashingPool", "Overloaded", "SingleFlight", "Snapshot"]
