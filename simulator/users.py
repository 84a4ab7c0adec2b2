"""The org's users, and the look-up of a typed name."""

import unicodedata
from collections.abc import Iterator

from simulator.user import User


class LoginTaken(Exception):
    """login: An object with this field already exists in the current organization"""  # noqa: D400, D415 - Okta's text


class Users:
    """All users by id and by login; a login is unique, ignoring case and diacritics."""

    def __init__(self) -> None:
        self._by_id: dict[str, User] = {}
        self._by_key: dict[str, str] = {}
        self._short: dict[str, set[str]] = {}

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, user: User) -> None:
        """Add a user. Raises `LoginTaken`."""
        key = login_key(user.login)
        if key in self._by_key:
            raise LoginTaken
        self._by_id[user.id], self._by_key[key] = user, user.id
        self._short.setdefault(key.partition("@")[0], set()).add(user.id)

    def rename(self, user: User, login: str) -> None:
        """Change a user's login. Raises `LoginTaken`."""
        if self._by_key.get(login_key(login), user.id) != user.id:
            raise LoginTaken
        self.remove(user)
        user.profile["login"] = login
        self.add(user)

    def remove(self, user: User) -> None:
        """Remove a user."""
        key = login_key(user.login)
        del self._by_id[user.id], self._by_key[key]
        self._short[key.partition("@")[0]].discard(user.id)

    def get(self, id_or_login: str) -> User | None:
        """Return a user by id or whole login, as `GET /api/v1/users/{id}` does."""
        found = self._by_id.get(id_or_login)
        return found or self._by_id.get(self._by_key.get(login_key(id_or_login), ""))

    def typed(self, name: str, *, short_name_first: bool = False) -> User | None:
        """Return the user of a typed name: a login, a short name that only one user has, or another identifier.

        Okta does not document which of the first two takes precedence.
        """
        login, short = self._by_id.get(self._by_key.get(login_key(name), "")), self._with_short_name(name)
        first, second = (short, login) if short_name_first else (login, short)
        return first or second or self._other(name)

    def _with_short_name(self, name: str) -> User | None:
        short = set() if "@" in name else self._short.get(login_key(name), set())
        return self._by_id[next(iter(short))] if len(short) == 1 else None

    def _other(self, name: str) -> User | None:
        key = login_key(name)
        found = [user for user in self if key in map(login_key, user.identifiers)] if name else []
        return found[0] if len(found) == 1 else None


def login_key(name: str) -> str:
    """Return a login without case and diacritics, which Okta ignores when it compares logins."""
    bare = "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare.casefold())
