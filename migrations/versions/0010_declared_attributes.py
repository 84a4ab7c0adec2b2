"""Declared attributes of each source, and the key of the email of each account.

Sources that are already loaded declare Okta's base profile. The update rewrites the accounts whose email is not their
login; PostgreSQL does it in one statement, and only emails with characters beyond ASCII are read one by one.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BASE_PROFILE = (
    "login,email,secondEmail,firstName,lastName,middleName,honorificPrefix,honorificSuffix,title,displayName,nickName,"
    "profileUrl,primaryPhone,mobilePhone,streetAddress,city,state,zipCode,countryCode,postalAddress,preferredLanguage,"
    "locale,timezone,userType,employeeNumber,costCenter,organization,division,department,managerId,manager"
)

ASCII_KEYS = """
UPDATE accounts SET email_key = lower(profile->>'email' COLLATE "C")
WHERE jsonb_typeof(profile->'email') = 'string' AND profile->>'email' ~ '^[ -~]+$'
  AND octet_length(profile->>'email') <= 1024
  AND lower(profile->>'email' COLLATE "C") <> login_key
"""

OTHERS = """
SELECT id, login_key, profile->>'email' AS email FROM accounts
WHERE jsonb_typeof(profile->'email') = 'string' AND profile->>'email' !~ '^[ -~]*$'
  AND octet_length(profile->>'email') <= 1024
"""


def upgrade() -> None:
    op.execute(f"ALTER TABLE sources ADD COLUMN attributes text[] NOT NULL DEFAULT '{{{BASE_PROFILE}}}'")
    op.execute("ALTER TABLE accounts ADD COLUMN email_key text")
    op.execute(ASCII_KEYS)
    connection = op.get_bind()
    for account_id, login_key, email in connection.execute(sa.text(OTHERS)).all():
        key = _key(email)
        if key and key != login_key:
            connection.execute(
                sa.text("UPDATE accounts SET email_key = :key WHERE id = :id"), {"key": key, "id": account_id}
            )
    op.execute("CREATE INDEX accounts_email_key_idx ON accounts (email_key) WHERE email_key IS NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE accounts DROP COLUMN email_key")
    op.execute("ALTER TABLE sources DROP COLUMN attributes")


def _key(name: str) -> str:
    """Return the key of a name by rule 1, as it was when this migration was written."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", plain)
