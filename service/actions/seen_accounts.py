"""Which accounts a comparison has met, and which bound ones it has not. Judges nobody, and changes nothing."""

from collections.abc import AsyncIterator

from service.accounts.database import Database
from service.accounts.retiring import ArmedAccount, armed_after

PAGE = 1000


class SeenAccounts:
    """The accounts that were met: a bit for each id, because there may be fifty million."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Take up an account's id."""
        missing = number // 8 + 1 - len(self._bits)
        if missing > 0:
            self._bits.extend(bytes(missing + len(self._bits) // 2))
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        return number // 8 < len(self._bits) and bool(self._bits[number // 8] & 1 << number % 8)


async def unseen_accounts(database: Database, seen: SeenAccounts) -> AsyncIterator[ArmedAccount]:
    """Give the armed accounts with an Okta id that were not met, in the order of id."""
    last = 0
    while True:
        async with database.connection() as connection:
            accounts = await armed_after(connection, last, PAGE)
        if not accounts:
            return
        last = accounts[-1].id
        for account in accounts:
            if account.id not in seen:
                yield account
