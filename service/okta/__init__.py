"""Okta's wire formats: bytes to values and values to bytes. No I/O, no database, no aiohttp."""
