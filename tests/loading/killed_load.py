"""Loads a file in small batches, and says after each how far it is; for a test that kills it."""

import asyncio
import sys
from pathlib import Path

from service.actions import load_batches
from tests.loading.loader import Loader

load_batches.BATCH = 50  # a small file then has many moments at which to die

if __name__ == "__main__":
    url, folder, export = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print("begun", flush=True)  # noqa: T201 (the test waits for it)
    asyncio.run(Loader(url, folder).load(export.read_bytes()))
