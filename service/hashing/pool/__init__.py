"""The hashing pool: runs checks on every core within a time limit.

`HashingPool` admits, queues and runs calls; `SingleFlight` lets a repeated call wait for the first one's verdict.
"""

from service.hashing.pool.admission import Overloaded
from service.hashing.pool.job import CheckFailed
from service.hashing.pool.pool import HashingPool, Snapshot
from service.hashing.pool.single_flight import SingleFlight

__all__ = ["CheckFailed", "HashingPool", "Overloaded", "SingleFlight", "Snapshot"]
