"""Products are recognised by their columns, and hashes of unknown products cause a warning."""

from collections.abc import Iterator

import pytest

from service.cli.status import unknown_products
from service.hashing import registry
from service.loading.examine import Asked, Examined, examine
from service.loading.files.row import FaultyRow, Row
from service.loading.hashes import HashResolver
from service.loading.product_tables import GENERIC, TABLES, products_of, recognise
from service.loading.reject import RejectedRow
from service.loading.rows import AccountReader
from service.loading.sources import Source
from service.loading.staging import StagedAccount
from tests.loading.loader import BCRYPT


def read(
    fields: dict[str, object], source: Source | None = None, **asked: object
) -> tuple[Examined, StagedAccount, HashResolver]:
    rows: Iterator[Row | FaultyRow] = iter([Row(1, fields, fields)])
    found = examine(rows, source or Source("s"), Asked(**asked))  # type: ignore[arg-type]
    resolver = HashResolver(found.source, {"P": "x"})
    return found, AccountReader(resolver, found.decisions).read(next(iter(found.rows))), resolver  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "columns, product",
    [
        (["user_login", "user_pass", "user_nicename"], "wordpress"),
        (["ID", "user_nicename", "user_pass"], "wordpress"),
        (["username", "username_clean", "user_password"], "phpbb"),
        (["username", "password", "usergroup", "uc"], "typo3"),
        (["uid", "name", "pass", "mail"], "drupal"),
        (["member_name", "passwd", "id_member"], "smf"),
        (["id", "password", "is_superuser", "date_joined"], "django"),
        (["id", "password", "password_salt", "is_superuser", "date_joined"], "metabase"),
        (["unique_id", "crypted_password", "password_salt"], "authlogic"),
        (["login", "password", "superuser_access", "date_registered"], "matomo"),
        (["services.password.bcrypt"], "meteor"),
        (["providerId", "accountId", "password"], "better_auth"),
        (["user_name", "user_hash", "pwd_last_changed"], "sugarcrm"),
        (["email", "password", "encoder", "accountmode"], "shopware"),
        (["username", "password", "lastLogin", "currentLogin"], "contao"),
        (["userslug", "password", "password:shaWrapped"], "nodebb"),
    ],
)
def test_product_is_recognised_by_its_columns_in_any_case(columns: list[str], product: str) -> None:
    for spelled in (columns, [column.upper() for column in columns]):
        found = recognise(spelled)
        assert found is not None
        assert found.table.format == product


@pytest.mark.parametrize(
    "place, product",
    [
        ("wp_users.csv", "wordpress"),
        ("blog-wp_2_users-2026.tsv", "wordpress"),
        ("SELECT username, password FROM be_users", "typo3"),
        ("phpbb_users.jsonl.gz", "phpbb"),
        ("pre_ucenter_members.csv", "discuz"),
        ("oc_users.csv", "owncloud"),
        ("oc_user.csv", "opencart"),
        ("wp_usersettings.csv", None),
        ("mybe_users.csv", None),
        ("people.csv", None),
    ],
)
def test_product_is_recognised_by_the_name_of_its_table(place: str, product: str | None) -> None:
    found = recognise(["login", "password_hash"], place)
    assert (found.table.format if found else None) == product


def test_each_product_of_the_list_names_a_format() -> None:
    for table in TABLES:
        assert registry.find(table.format) is not None, table.format


def test_product_of_the_columns_gives_the_format_and_it_is_said() -> None:
    found, account, resolver = read(
        {"login": "ann", "password_hash": BCRYPT}, columns=frozenset({"user_login", "user_pass"})
    )
    assert account.recipe == 1
    assert resolver.new[0].format == "wordpress"
    assert found.notes == ["format wordpress, by the columns user_login, user_pass; --format or SOURCES overrides this"]


def test_name_that_smf_mixes_in_is_taken_from_its_own_column() -> None:
    fields: dict[str, object] = {
        "login": "ann@x.example",
        "password_hash": BCRYPT,
        "member_name": "Ann",
        "id_member": "1",
    }
    _, account, _ = read(fields, columns=frozenset({"passwd"}))
    assert account.username == "Ann"


def test_format_that_is_named_stays_and_another_product_is_warned_of() -> None:
    fields: dict[str, object] = {"login": "a", "password_hash": BCRYPT, "user_nicename": "a"}
    found, _, resolver = read(fields, Source("s", format="bcrypt"))
    assert resolver.new[0].format == "bcrypt"
    assert "wordpress" in found.notes[0]
    found, _, _ = read(fields, Source("s", format="wordpress"))
    assert found.notes == []


def test_product_that_may_have_a_pepper_is_not_assumed_without_one() -> None:
    fields: dict[str, object] = {"login": "a", "password_hash": BCRYPT, "mnethostid": "1"}
    found, _, resolver = read(fields)
    assert resolver.new[0].format == "bcrypt"
    assert "pepper_env" in found.notes[0]
    found, _, resolver = read(fields, Source("s", pepper_env="P"))
    assert resolver.new[0].format == "moodle"


def test_format_of_a_row_is_binding() -> None:
    fields: dict[str, object] = {"login": "a", "password_hash": BCRYPT, "format": "devise", "user_nicename": "a"}
    _, _, resolver = read(fields)
    assert resolver.new[0].format == "devise"


@pytest.mark.parametrize(
    "name, products", [("bcrypt", {"wordpress", "typo3", "meteor", "smf", "devise"}), ("argon2", {"phpbb", "oslo"})]
)
def test_format_of_many_products_names_those_that_change_passwords(name: str, products: set[str]) -> None:
    assert products <= set(products_of(name))
    assert "php" not in products_of(name)


def test_every_generic_format_is_a_format() -> None:
    assert {registry.by_name(name).name for name in GENERIC} == GENERIC


def test_hashes_of_unknown_product_are_warned_of_until_a_known_password_was_tried() -> None:
    told = list(unknown_products({"bcrypt": 1200, "wordpress": 3, "keycloak": 4}, set()))
    assert len(told) == 1
    assert "bcrypt: 1,200" in told[0]
    assert "typo3" in told[0]
    assert list(unknown_products({"bcrypt": 1200}, {"bcrypt"})) == []


@pytest.mark.parametrize("name, unused", [("sha1", {"sha1"}), ("sha1($pass)", {"sha1($pass)"}), ("redmine", set())])
def test_digest_that_is_computed_without_the_salt_of_its_row_is_named(name: str, unused: set[str]) -> None:
    resolver = HashResolver(Source("s", format=name), {})
    if name != "redmine":
        resolver.resolve({}, "ab" * 20)
    resolver.resolve({"salt": "x"}, "cd" * 20)
    assert resolver.unused_salts == unused


@pytest.mark.parametrize("salt, unused", [("x", {"bcrypt"}), (BCRYPT[:29], set())])
def test_salt_beside_a_bcrypt_hash_is_named_unless_it_is_its_own(salt: str, unused: set[str]) -> None:
    resolver = HashResolver(Source("s"), {})
    resolver.resolve({"salt": salt}, BCRYPT)
    assert resolver.unused_salts == unused


@pytest.mark.parametrize("name", ["metabase", "authlogic", "bcrypt($salt.$pass)"])
def test_hash_that_fits_the_format_but_lacks_its_salt_is_refused_and_not_read_without(name: str) -> None:
    resolver = HashResolver(Source("s", format=name), {})
    with pytest.raises(RejectedRow, match="salt"):
        resolver.resolve({}, BCRYPT)
    resolver.resolve({"salt": "x"}, BCRYPT)
    assert [each.format for each in resolver.new] == [name]


@pytest.mark.parametrize("column, name", [("is_superuser", "metabase"), ("persistence_token", "authlogic")])
def test_column_password_salt_of_a_product_is_its_salt(column: str, name: str) -> None:
    fields: dict[str, object] = {"login": "a", "password_hash": BCRYPT, "password_salt": "x", column: "1"}
    _, account, resolver = read(fields)
    assert (account.salt, [each.format for each in resolver.new]) == ("x", [name])


def test_hash_of_another_shape_is_read_by_its_own_description_though_it_has_no_salt() -> None:
    resolver = HashResolver(Source("s", format="sha1($salt.$pass)"), {})
    resolver.resolve({}, BCRYPT)
    assert [each.format for each in resolver.new] == ["bcrypt"]


def test_gitea_without_the_column_of_its_function_is_warned_of() -> None:
    fields: dict[str, object] = {"login": "a", "password_hash": "ab" * 50, "salt": "cd" * 16, "rands": "x"}
    found, _, resolver = read(fields, columns=frozenset({"passwd"}))
    assert resolver.new[0].format == "gitea"
    assert "passwd_hash_algo" in found.notes[-1]
