"""Okta's wire contract: bytes in, values out. No I/O, no database, no aiohttp; Okta's words stay inside."""
