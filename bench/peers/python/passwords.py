"""Verification of a password with one indexed read and one check in the default executor."""

import asyncio
import base64
import hashlib
import hmac
import json
import os

import asyncpg
import bcrypt

PREFIX = "{SSHA256}"
FIND = "SELECT password_hash FROM peer_users WHERE username = $1"


async def open_pool() -> asyncpg.Pool:
    """Create a pool as its documentation shows."""
    return await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=8, max_size=8)


async def judge(pool: asyncpg.Pool, body: bytes) -> bytes:
    """Answer a call."""
    credential = json.loads(body)["data"]["context"]["credential"]
    stored = await pool.fetchval(FIND, credential["username"])
    loop = asyncio.get_running_loop()
    right = stored is not None and await loop.run_in_executor(None, is_right, stored, credential["password"])
    value = {"credential": "VERIFIED" if right else "UNVERIFIED"}
    return json.dumps({"commands": [{"type": "com.okta.action.update", "value": value}]}).encode()


def is_right(stored: str, password: str) -> bool:
    """Check a salted SHA-256 or bcrypt."""
    if not stored.startswith(PREFIX):
        return bcrypt.checkpw(password.encode(), stored.encode())
    both = base64.b64decode(stored.removeprefix(PREFIX))
    return hmac.compare_digest(hashlib.sha256(password.encode() + both[32:]).digest(), both[:32])


def expected() -> str:
    """Return the header that Okta sends."""
    pair = f"{os.environ['BASIC_AUTH_USER']}:{os.environ['BASIC_AUTH_PASSWORD']}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
