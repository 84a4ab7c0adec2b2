"""Columns of products' own tables and exports, read as the columns of a load."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial

from service.immutable import immutable
from service.loading.hashes import NULLS
from service.loading.reject import Reason, RejectedRow

Fields = dict[str, object]

# Gitea and Forgejo: table `user`, columns passwd, salt, passwd_hash_algo.
# https://github.com/go-gitea/gitea/tree/main/modules/auth/password/hash

GITEA_ALIASES = {
    "": "pbkdf2$10000$50",
    "pbkdf2": "pbkdf2$10000$50",
    "pbkdf2_v1": "pbkdf2$10000$50",
    "pbkdf2_v2": "pbkdf2$50000$50",
    "pbkdf2_hi": "pbkdf2$320000$50",
    "argon2": "argon2$2$65536$8$50",
    "scrypt": "scrypt$65536$16$2$50",
}
"""The meaning of the column without parameters. The default changed between releases; the column's meaning did not."""
GITEA_TEXT_SALT = 10
"""Characters: a salt of this length is text, any other is hex."""
GITEA_FORMULAS = {
    "pbkdf2": (2, "pbkdf2_sha256($pass, $salt, {}, {})"),
    "argon2": (4, "argon2id($pass, $salt, {}, {}, {}, {})"),
    "scrypt": (4, "scrypt($pass, $salt, {}, {}, {}, {})"),
}


def read_gitea(fields: Mapping[str, object]) -> Fields:
    """Create formula and salt from the algorithm's column. Raises `RejectedRow`."""
    given = str(fields.get("passwd_hash_algo") or "").strip()
    name, _, rest = GITEA_ALIASES.get("" if given in NULLS else given, given).partition("$")
    found = {key: value for key, value in fields.items() if key != "passwd_hash_algo"}
    if name == "bcrypt":
        return found | {"format": "bcrypt", "salt": ""}
    number, formula = GITEA_FORMULAS.get(name, (0, ""))
    parameters = rest.split("$")
    if len(parameters) != number or not all(each.isascii() and each.isdigit() for each in parameters):
        raise RejectedRow(Reason.BAD_COLUMN, "passwd_hash_algo is not one of Gitea's: pbkdf2, argon2, scrypt, bcrypt")
    encoding = "text" if len(str(fields.get("salt") or "")) == GITEA_TEXT_SALT else "hex"
    return found | {"format": formula.format(*parameters), "salt_encoding": fields.get("salt_encoding") or encoding}


# Discourse: table user_passwords, columns password_hash, password_salt, password_algorithm; before 2024 table users.
# https://github.com/discourse/discourse/blob/main/lib/password_hasher.rb

DISCOURSE = re.compile(r"\$?pbkdf2-sha256\$i=([0-9]{1,9}),l=([0-9]{1,3})\$?")


def read_discourse(fields: Mapping[str, object]) -> Fields:
    """Create a formula from the algorithm's column, which each row with a hash has. Raises `RejectedRow`."""
    found = {key: value for key, value in fields.items() if key != "password_algorithm"}
    if fields.get("password_hash") in (None, "", *NULLS):
        return found
    match = DISCOURSE.fullmatch(str(fields.get("password_algorithm") or "").strip())
    if match is None:
        raise RejectedRow(
            Reason.BAD_COLUMN, "password_algorithm is not $pbkdf2-sha256$i=…,l=…$, which Discourse writes"
        )
    return found | {"format": f"pbkdf2_sha256($pass, $salt, {match[1]}, {match[2]})"}


# Metabase: table core_user, columns password, password_salt, which stands before the password under bcrypt.
# https://github.com/metabase/metabase/blob/master/src/metabase/util/password.clj
#
# Authlogic, which Canvas uses: columns crypted_password, password_salt, which stands behind the password.
# https://github.com/binarylogic/authlogic/blob/master/lib/authlogic/acts_as_authentic/password.rb


def read_salted(format_name: str, fields: Mapping[str, object]) -> Fields:
    """Name the format of each hash: its text alone would be read without the salt."""
    has_hash = fields.get("password_hash") not in (None, "", *NULLS)
    return {**fields, "format": format_name} if has_hash and not fields.get("format") else dict(fields)


# Keycloak: users[].credentials[] of a realm export.
# https://github.com/keycloak/keycloak/blob/main/server-spi/src/main/java/org/keycloak/models/credential/PasswordCredentialModel.java

NO_SECRET = "credentials: a password without secretData: export the realm with its secrets"  # noqa: S105 (a message)


def read_keycloak(fields: Mapping[str, object]) -> Fields:
    """Select the password among the credentials of a user. Raises `RejectedRow`."""
    found = {key: value for key, value in fields.items() if key != "credentials"}
    given = fields.get("credentials")
    passwords = [each for each in given if _is_password(each)] if isinstance(given, list) else []
    if not passwords:
        return found
    if len(passwords) > 1:
        raise RejectedRow(Reason.BAD_COLUMN, "credentials: more than one password")
    return found | {"password_hash": keycloak_hash(passwords[0])}


def keycloak_hash(credential: Mapping[str, object]) -> str:
    """Return a credential in the form that releases from 8 on write. Raises `RejectedRow`."""
    if "hashedSaltedValue" in credential:  # before 8
        secret: object = {"value": credential["hashedSaltedValue"], "salt": credential.get("salt")}
        data: object = {name: credential.get(name) for name in ("hashIterations", "algorithm")}
    else:
        secret, data = credential.get("secretData"), credential.get("credentialData")
    if not secret or not data:
        raise RejectedRow(Reason.BAD_COLUMN, NO_SECRET)
    return json.dumps({"secretData": secret, "credentialData": data})


def _is_password(credential: object) -> bool:
    return isinstance(credential, dict) and credential.get("type") == "password"


@immutable
class Product:
    """A product whose columns are recognised by their names."""

    name: str
    marks: frozenset[str]
    """Columns that together identify the product."""
    renamed: Mapping[str, str]
    read: Callable[[Mapping[str, object]], Fields]


PRODUCTS = (
    Product("Gitea", frozenset({"passwd_hash_algo"}), {"passwd": "password_hash"}, read_gitea),
    Product("Discourse", frozenset({"password_algorithm"}), {"password_salt": "salt"}, read_discourse),
    Product(
        "Metabase",
        frozenset({"password_salt", "is_superuser"}),
        {"password_salt": "salt"},
        partial(read_salted, "metabase"),
    ),
    Product(
        "Authlogic",
        frozenset({"password_salt", "persistence_token"}),
        {"crypted_password": "password_hash", "password_salt": "salt"},
        partial(read_salted, "authlogic"),
    ),
)
KEYCLOAK = Product("Keycloak", frozenset({"credentials"}), {}, read_keycloak)


def product_of(columns: Collection[str], rows: Collection[Mapping[str, object]] = ()) -> Product | None:
    """Return the product with these columns, for Keycloak also judged by the type of its credentials."""
    for product in PRODUCTS:
        if product.marks <= set(columns):
            return product
    if "credentials" in columns and "password_hash" not in columns:
        given = (each for fields in rows if isinstance(each := fields.get("credentials"), list))
        if any(isinstance(one, dict) and "type" in one for each in given for one in each):
            return KEYCLOAK
    return None


def renamed(product: Product, fields: Mapping[str, object]) -> Fields:
    """Rename a product's columns; they apply where the row has no column of the new name. Raises `RejectedRow`."""
    targets = {own: name for own, name in product.renamed.items() if name not in fields}
    return product.read({targets.get(name, name): value for name, value in fields.items()})
