"""Loads a file in small batches, and prints its progress after each, for a test that kills it."""

import asyncio
import sys
from pathlib import Path

from service.loading import load
from service.store.encryption import NO_KEYS, HashKeys
from tests.loading.loader import SEALING, Loader

load.BATCH = 50  # a small file then has many points at which to kill it

if __name__ == "__main__":
    url, folder, export, encrypted = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "sealed"
    keys = HashKeys({"key": SEALING}) if encrypted else NO_KEYS
    print("begun", flush=True)  # noqa: T201 (the test waits for it)
    asyncio.run(Loader(url, folder, keys=keys).load(export.read_bytes()))
