"""Names for several formats at once, as people call them: a product or a function. Knows which formats belong together.

The text decides which member reads it; where none describes itself, the last, which needs columns, is left.
"""

from dataclasses import dataclass

from service.passwords import (
    aspnet,
    bcrypt_wrapped,
    crypt3,
    django,
    firebase,
    kratos,
    ldap,
    ldap_pbkdf2,
    pbkdf2,
    pbkdf2_layouts,
    scrypt,
    scrypt_layouts,
    spring,
    werkzeug,
)
from service.passwords.argon2 import ARGON2
from service.passwords.bcrypt import BCRYPT
from service.passwords.format import Check, Format, StoredHash


@dataclass(frozen=True, slots=True)
class Family:
    """A name for the first of its members that can read a text. Recognises nothing: its members do."""

    name: str
    members: tuple[Format, ...]
    aliases: tuple[str, ...] = ()

    def recognises(self, _text: str) -> bool:
        """Leave it to the members."""
        return False

    def parse(self, stored: StoredHash) -> Check:
        """Read with the first member that can."""
        return self._reader(stored).parse(stored)

    def stand_in(self, stored: StoredHash) -> StoredHash:
        """Scramble with that member."""
        return self._reader(stored).stand_in(stored)

    def _reader(self, stored: StoredHash) -> Format:
        return next((each for each in self.members if each.recognises(stored.hash)), self.members[-1])


PBKDF2 = (pbkdf2.PBKDF2, *django.FORMATS, *werkzeug.FORMATS, *pbkdf2_layouts.FORMATS, *ldap_pbkdf2.FORMATS)
SCRYPT = (*scrypt.FORMATS[:-1], *django.FORMATS, *werkzeug.FORMATS, *scrypt_layouts.FORMATS)
KRATOS = (*kratos.FORMATS, *scrypt.FORMATS, *pbkdf2.FORMATS, *firebase.FORMATS)

FORMATS = (
    *(Family(f"pbkdf2_{prf}", (*PBKDF2, columns), (f"pbkdf2_hmac_{prf}",)) for prf, columns in pbkdf2.COLUMNS.items()),
    Family("scrypt", (*SCRYPT, scrypt.COLUMNS)),
    Family("bcrypt_sha256", bcrypt_wrapped.FORMATS),
    Family("django", (*django.FORMATS, *bcrypt_wrapped.FORMATS)),
    Family("werkzeug", (*werkzeug.FORMATS, *django.FORMATS), ("flask",)),
    Family("ldap", (*ldap.FORMATS, *ldap_pbkdf2.FORMATS, *crypt3.FORMATS), ("openldap", "userpassword")),
    Family("spring", (*spring.FORMATS, BCRYPT), ("spring_security",)),
    Family("aspnet_identity", aspnet.FORMATS[:2], ("aspnetcore_identity",)),
    Family("supabase", (BCRYPT, ARGON2, *firebase.FORMATS)),
    Family("kratos", (BCRYPT, ARGON2, *KRATOS), ("ory",)),
)
