"""The content of real exports: decisions from the first rows, and rows that contradict them."""

import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.loading.credentials import holds_hash, leaves
from service.loading.examine import EXAMINED_CHARACTERS, Asked, BadExport, Examined, examine, ignored_lines
from service.loading.files import json_document
from service.loading.files.json_document import Document
from service.loading.files.open import open_export
from service.loading.files.row import FaultyRow, Row, UnreadableFile
from service.loading.hashes import HashResolver
from service.loading.reject import RejectedRow
from service.loading.rows import DISABLED, AccountReader, naming
from service.loading.sources import Source
from service.loading.staging import StagedAccount
from tests.loading.loader import BCRYPT

SHA1 = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"
SALTED = Source("s", format="sha1($salt.$pass)")
PHPASS = "$P$B12345678" + "a" * 22


def examined(
    path: Path, content: str | bytes, source: Source = SALTED, asked: Asked | None = None, **mapping: str
) -> tuple[Examined, dict[str, StagedAccount | str], HashResolver]:
    """Read an export as a load does; return each account by its login, or the fault by its line."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    names = {key.replace("__", "."): name for key, name in mapping.items()}
    with closing(open_export(path, rename=naming(names), paths=names)) as reader:
        found = examine(iter(reader), source, asked or Asked(), reader.volume)
        resolver = HashResolver(found.source, {})
        accounts = AccountReader(resolver, found.decisions)
        return found, dict(read_all(accounts, found.rows)), resolver


def read_all(accounts: AccountReader, rows: Iterator[Row | FaultyRow]) -> Iterator[tuple[str, StagedAccount | str]]:
    for row in rows:
        if isinstance(row, FaultyRow):
            yield str(row.line), row.fault
            continue
        try:
            account = accounts.read(row)
            yield account.login, account
        except RejectedRow as refusal:
            yield str(row.line), str(refusal)


def salts(read: dict[str, StagedAccount | str]) -> dict[str, str | None]:
    return {login: each.salt for login, each in read.items() if isinstance(each, StagedAccount)}


def formats(read: dict[str, StagedAccount | str], resolver: HashResolver) -> dict[str, str]:
    by_number = {each.number: each.format for each in resolver.new}
    return {
        login: by_number[each.recipe]
        for login, each in read.items()
        if isinstance(each, StagedAccount) and each.recipe is not None
    }


HEX = "0123456789abcdef" * 2
OVERLOOKED = [
    *("passwordHash", "user_pass", "encrypted_password", "sambaNTPassword", "unicodePwd", "pwdHistory", "authPassword"),
    *(
        "old_password_hash",
        "PASSWD ",
        "pass_md5",
        "pwMd5",
        "md5",
        "hashed",
        "login_pass",
        "salted-hash",
        "pass1",
        "ntlm",
    ),
    *("auth.hash", "user.password", "digest", "secretData", "senha", "mot_de_passe", "contraseña"),
]


@pytest.mark.parametrize("column", OVERLOOKED)
def test_hash_in_a_column_of_another_name_stops_the_load(tmp_path: Path, column: str) -> None:
    with pytest.raises(BadExport, match=f"{column.strip()} looks like it: --map"):
        examined(tmp_path / "e.csv", f"login,{column}\na,{HEX}\n", Source("s"))


@pytest.mark.parametrize(
    "path", ["auth.pw", "x.0.password", "x.1.password", "x.0.0.password", "a.b.c.d.e.f.g.h.password", "user.password"]
)
def test_hash_at_any_depth_stops_the_load(tmp_path: Path, path: str) -> None:
    value: object = HEX
    for part in reversed(path.split(".")):
        value = ["other", value] if part == "1" else [value] if part == "0" else {part: value}
    assert isinstance(value, dict)
    with pytest.raises(BadExport, match=f"{path} looks like it: --map"):
        examined(tmp_path / "e.jsonl", json.dumps({"login": "a"} | value), Source("s"))


@pytest.mark.parametrize(
    "column", ["avatar", "password_changed_at", "passport", "compass", "hash_tag", "author", "salt"]
)
def test_column_that_holds_no_hash_stops_nothing(tmp_path: Path, column: str) -> None:
    examined(tmp_path / "e.csv", f"login,{column}\na,2024-01-02 value\n", Source("s"))


def test_escapes_of_copy_are_decoded(tmp_path: Path) -> None:
    text = f'login\tpassword_hash\tsalt\na\t{SHA1}\tx\\\\y\\tz\nb\t{SHA1}\t"q\\\\"\nc\t\t\\N\n\\.\n'
    _, read, _ = examined(tmp_path / "e.tsv", text)
    assert salts(read) == {"a": "x\\y\tz", "b": '"q\\"', "c": None}


def test_backslash_that_is_no_escape_makes_tab_separated_text_a_csv(tmp_path: Path) -> None:
    _, read, _ = examined(tmp_path / "e.tsv", f"login\tpassword_hash\tsalt\na\t{SHA1}\tx\\y\nb\t{SHA1}\tx\\\\y\n")
    assert salts(read) == {"a": "x\\y", "b": "x\\\\y"}


def test_first_backslash_after_the_examined_rows_refuses_its_row(tmp_path: Path) -> None:
    rows = "".join(f"u{number}\t\tx\n" for number in range(10_000))
    _, read, _ = examined(tmp_path / "e.tsv", f"login\tpassword_hash\tsalt\n{rows}late\t{SHA1}\tx\\\\y\n")
    assert "--dialect" in str(read["10002"])


def test_null_is_never_a_salt_and_a_person_may_be_called_so(tmp_path: Path) -> None:
    text = f"login,password_hash,salt,okta_id,firstName\na,{BCRYPT},NULL,NULL,NULL\n"
    _, read, _ = examined(tmp_path / "e.csv", text, Source("s"))
    account = read["a"]
    assert isinstance(account, StagedAccount)
    assert (account.salt, account.okta_id, account.profile) == (None, None, '{"firstName":"NULL"}')


def test_null_in_many_rows_of_a_column_is_no_value(tmp_path: Path) -> None:
    text = "login,identifiers,firstName\n" + "".join(f"u{number},x;NULL,NULL\n" for number in range(10))
    found, read, _ = examined(tmp_path / "e.csv", text, Source("s"))
    assert {each.profile for each in read.values() if isinstance(each, StagedAccount)} == {"{}"}
    assert found.notes == ["NULL is read as a missing value in: firstName, identifiers"]


@pytest.mark.parametrize("spelling", ["null", "(null)", "None", "[NULL]", "<null>"])
def test_null_in_any_spelling_is_never_an_okta_id_or_iterations(tmp_path: Path, spelling: str) -> None:
    text = f"login,password_hash,salt,okta_id,iterations,format\na,{BCRYPT},,{spelling},{spelling},{spelling}\n"
    _, read, _ = examined(tmp_path / "e.csv", text, Source("s"))
    account = read["a"]
    assert isinstance(account, StagedAccount)
    assert (account.salt, account.okta_id, account.recipe) == (None, None, 1)


@pytest.mark.parametrize("word", ["null", "None"])
def test_salt_that_may_be_a_word_for_null_is_refused(tmp_path: Path, word: str) -> None:
    text = f"login,password_hash,salt\na,{SHA1},{word}\n"
    _, read, _ = examined(tmp_path / "e.csv", text)
    assert f"--null {word}" in str(read["2"])


ROWS = 10_000


def late(tmp_path: Path, first: str, later: str) -> dict[str, StagedAccount | str]:
    """Read an export with `first` in one of its first rows, and `later` in a later one."""
    rows = "".join(f"u{number},x;y,{first if number == 0 else 'Ann'}\n" for number in range(ROWS))
    _, read, _ = examined(tmp_path / "e.csv", f"login,identifiers,firstName\n{rows}{later}", Source("s"))
    return read


@pytest.mark.parametrize("row", ["late,x,NULL", "late,x;NULL,Ann", "late,x,(null)"])
def test_null_that_the_first_rows_do_not_have_refuses_its_row(tmp_path: Path, row: str) -> None:
    read = late(tmp_path, "Ann", f"{row}\nlater,x,NULL\n")
    assert "--null" in str(read[str(ROWS + 2)])
    assert "--null" in str(read[str(ROWS + 3)])


def test_name_of_the_first_rows_stays_a_name_until_more_rows_have_it(tmp_path: Path) -> None:
    read = late(tmp_path, "NULL", "".join(f"v{number},x,NULL\n" for number in range(200)))
    texts = [isinstance(read.get(f"v{number}"), StagedAccount) for number in range(200)]
    assert texts[:90] == [True] * 90
    assert texts[-1] is False


@pytest.mark.parametrize(
    "mark",
    [
        "*", "x", "!!", "!", "!$6$salt$digest", "{CRYPT}*", "!Abcdefgh", "*LK*", "NP", "*NP*", "!*", "{CRYPT}!",
        "{CRYPT}x", "{CRYPT}NP", "*LOCKED*$6$a$b", "*0", "**", "{SSHA}!", "{SSHA}", "not cached",
        "restored", "NOLOGIN",
    ],
)  # fmt: skip
def test_locked_account_is_loaded_without_a_hash_and_with_the_reason(tmp_path: Path, mark: str) -> None:
    _, read, _ = examined(tmp_path / "e.jsonl", json.dumps({"login": "a", "password_hash": mark}), Source("s"))
    account = read["a"]
    assert isinstance(account, StagedAccount)
    assert (account.hash, account.disabled_reason) == (None, DISABLED)


def test_password_in_clear_may_look_like_the_mark_of_a_locked_account(tmp_path: Path) -> None:
    row = json.dumps({"login": "a", "password_hash": "{noop}x"})
    _, read, _ = examined(tmp_path / "e.jsonl", row, Source("s"))
    account = read["a"]
    assert isinstance(account, StagedAccount)
    assert account.hash == b"{noop}x"


@pytest.mark.parametrize("mark", ["{SASL}a@x.example", "{KERBEROS}a@X", "{UNIX}a"])
def test_account_that_another_verifier_checks_is_loaded_without_a_hash(tmp_path: Path, mark: str) -> None:
    _, read, _ = examined(tmp_path / "e.jsonl", json.dumps({"login": "a", "password_hash": mark}), Source("s"))
    account = read["a"]
    assert isinstance(account, StagedAccount)
    assert (account.hash, account.disabled_reason) == (None, None)


@pytest.mark.parametrize("beside", ["{CRYPT}*", "{SASL}a@x.example", "!!", "", "NULL"])
def test_good_hash_counts_beside_a_value_that_is_none(tmp_path: Path, beside: str) -> None:
    row = {"login": "a", "password_hash": [beside, BCRYPT]}
    _, read, resolver = examined(tmp_path / "e.jsonl", json.dumps(row), Source("s"))
    assert formats(read, resolver) == {"a": "bcrypt"}


def test_form_of_one_row_does_not_decide_how_the_next_is_read(tmp_path: Path) -> None:
    rows = ["{MD5}{salt}" + "ab" * 16, "{MD5}" + "cd" * 16, "{MD5}{salt}" + "ef" * 16]
    text = "login,password_hash\n" + "".join(f"u{number},{row}\n" for number, row in enumerate(rows))
    _, read, resolver = examined(tmp_path / "e.csv", text, Source("s"))
    assert formats(read, resolver) == {"u0": "spring_MD5", "u1": "ldap_md5", "u2": "spring_MD5"}


def test_format_of_a_source_is_for_the_hashes_that_it_fits(tmp_path: Path) -> None:
    source = Source("s", format="bcrypt(sha256($pass))", other_formats=("sha1($salt.$pass)",))
    text = f"login,password_hash,salt\na,{BCRYPT},\nb,{SHA1},x\nc,{PHPASS},\n"
    _, read, resolver = examined(tmp_path / "e.csv", text, source)
    assert formats(read, resolver) == {"a": "bcrypt(sha256($pass))", "b": "sha1($salt.$pass)", "c": "phpass"}


GITEA = {
    "": "pbkdf2_sha256($pass, $salt, 10000, 50)",
    "pbkdf2": "pbkdf2_sha256($pass, $salt, 10000, 50)",
    "pbkdf2$320000$50": "pbkdf2_sha256($pass, $salt, 320000, 50)",
    "scrypt$16384$8$1$50": "scrypt($pass, $salt, 16384, 8, 1, 50)",
}


@pytest.mark.parametrize("algorithm", GITEA)
def test_column_of_gitea_says_function_and_count(tmp_path: Path, algorithm: str) -> None:
    text = f"login,passwd,salt,passwd_hash_algo\na,{'ab' * 50},{'cd' * 16},{algorithm}\n"
    _, read, resolver = examined(tmp_path / "e.csv", text, Source("s"))
    assert formats(read, resolver) == {"a": GITEA[algorithm]}
    assert resolver.new[0].parameters["salt_encoding"] == "hex"


def test_digest_of_another_length_than_the_column_says_is_refused(tmp_path: Path) -> None:
    text = f"login,passwd,salt,passwd_hash_algo\na,{'ab' * 32},{'cd' * 16},pbkdf2$320000$50\n"
    _, read, _ = examined(tmp_path / "e.csv", text, Source("s"))
    assert "length" in str(read["2"])


def test_column_of_discourse_says_the_count_and_is_not_defaulted(tmp_path: Path) -> None:
    row = f"{'ab' * 32}\t{'cd' * 16}"
    header = "login\tpassword_hash\tpassword_salt\tpassword_algorithm"
    text = f"{header}\na\t{row}\t$pbkdf2-sha256$i=600000,l=32$\nb\t{row}\t\n"
    _, read, resolver = examined(tmp_path / "e.tsv", text, Source("s"))
    assert formats(read, resolver) == {"a": "pbkdf2_sha256($pass, $salt, 600000, 32)"}
    assert "password_algorithm" in str(read["3"])


def test_salt_column_of_metabase_is_mixed_in_and_rows_without_it_are_refused(tmp_path: Path) -> None:
    text = f"login,password_hash,password_salt,is_superuser\na,{BCRYPT},0c3d,f\nb,{BCRYPT},,f\nc,,,f\n"
    _, read, resolver = examined(tmp_path / "e.csv", text, Source("s"))
    assert formats({key: value for key, value in read.items() if key == "a"}, resolver) == {"a": "metabase"}
    assert "salt" in str(read["3"])
    assert isinstance(read["c"], StagedAccount)


@pytest.mark.parametrize("is_old", [False, True])
def test_password_among_the_credentials_of_keycloak_is_taken(tmp_path: Path, is_old: bool) -> None:
    secret, data = (
        {"value": "A" * 43 + "=", "salt": "c2FsdHNhbHQ="},
        {"hashIterations": 1, "algorithm": "pbkdf2-sha256"},
    )
    new = {"secretData": json.dumps(secret), "credentialData": json.dumps(data)}
    old = {"hashedSaltedValue": secret["value"], "salt": secret["salt"], **data}
    row = {"username": "a", "credentials": [{"type": "otp"}, {"type": "password", **(old if is_old else new)}]}
    _, read, resolver = examined(tmp_path / "e.jsonl", json.dumps(row), Source("s"), username="login")
    assert formats(read, resolver) == {"a": "keycloak"}


def test_credentials_exported_without_secrets_are_refused(tmp_path: Path) -> None:
    row = {"login": "a", "credentials": [{"type": "password"}]}
    _, read, _ = examined(tmp_path / "e.jsonl", json.dumps(row), Source("s"))
    assert "secretData" in str(read["1"])


MONGO = {"emails": [{"address": "a@x.example"}], "services": {"password": {"bcrypt": BCRYPT}}}


def test_nested_values_are_taken_by_their_path(tmp_path: Path) -> None:
    mapping = {"emails__0__address": "login", "services__password__bcrypt": "password_hash"}
    _, read, resolver = examined(tmp_path / "e.jsonl", json.dumps(MONGO), Source("s"), None, **mapping)
    assert formats(read, resolver) == {"a@x.example": "bcrypt"}


def test_hash_that_is_not_mapped_stops_the_load_and_its_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match=r"--map services.password.bcrypt=password_hash"):
        examined(tmp_path / "e.jsonl", json.dumps(MONGO), Source("s"), emails__0__address="login")


@pytest.mark.parametrize(
    "column", ["passwordHash", "user_pass", "encrypted_password", "Encrypted Password", "PASSWD", "sambaNTPassword"]
)
def test_column_that_is_called_like_a_hash_stops_the_load(tmp_path: Path, column: str) -> None:
    with pytest.raises(BadExport, match="password_hash"):
        examined(tmp_path / "e.csv", f"login,{column}\na,{'ab' * 16}\n", Source("s"))


def test_column_whose_values_are_hashes_stops_the_load(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="--map zz=password_hash"):
        examined(tmp_path / "e.csv", f"login,zz\na,\nb,{BCRYPT}\n", Source("s"))


def test_hash_after_the_examined_rows_refuses_its_row(tmp_path: Path) -> None:
    rows = "".join(f"u{number},\n" for number in range(10_000))
    _, read, _ = examined(tmp_path / "e.csv", f"login,zz\n{rows}late,{BCRYPT}\n", Source("s"))
    assert "--map zz=password_hash" in str(read["10002"])


@pytest.mark.parametrize("column", ["passwordChangedAt", "password_last_set", "pwd_expires_on"])
def test_date_of_a_password_is_no_hash(tmp_path: Path, column: str) -> None:
    _, read, _ = examined(tmp_path / "e.csv", f"login,{column}\na,2020-01-01\n", Source("s"))
    assert isinstance(read["a"], StagedAccount)


def test_declared_attribute_that_looks_like_a_hash_is_stored_only_if_forced(tmp_path: Path) -> None:
    text = f"login,password_hash,legacy\na,{BCRYPT},{BCRYPT}\n"
    with pytest.raises(BadExport, match="--force-attribute legacy"):
        examined(tmp_path / "e.csv", text, Source("s"), Asked(frozenset({"legacy"})))
    forced = Asked(frozenset({"legacy"}), forced=frozenset({"legacy"}))
    _, read, _ = examined(tmp_path / "e.csv", text, Source("s"), forced)
    assert isinstance(read["a"], StagedAccount)


def test_hash_in_an_attribute_of_okta_s_base_profile_stops_the_load(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="--force-attribute title"):
        examined(tmp_path / "e.csv", f"login,password_hash,title\na,{BCRYPT},{BCRYPT}\n", Source("s"))


def test_declared_attribute_that_is_called_like_a_hash_and_may_hold_one_stops_the_load(tmp_path: Path) -> None:
    text = f"login,password_hash,oldPasswd\na,{BCRYPT},{{}}\n"
    asked = Asked(frozenset({"oldPasswd"}))
    with pytest.raises(BadExport, match="--force-attribute oldPasswd"):
        examined(tmp_path / "e.csv", text.format(SHA1), Source("s"), asked)
    for harmless in ("", "true", "2026-03-01", "1740787200", "*"):
        _, read, _ = examined(tmp_path / "e.csv", text.format(harmless), Source("s"), asked)
        assert isinstance(read["a"], StagedAccount)


def test_null_in_less_than_a_hundredth_of_many_rows_is_a_person_s_name(tmp_path: Path) -> None:
    rows = "".join(f"u{number},{'NULL' if number % 100 == 0 else 'Ann'}\n" for number in range(1, 1601))
    found, _, _ = examined(tmp_path / "e.csv", f"login,firstName\n{rows}", Source("s"))
    assert set(found.decisions.null_columns) == {"firstName"}
    found, _, _ = examined(tmp_path / "e.csv", f"login,firstName\n{rows}z,Ann\n", Source("s"))
    assert not found.decisions.null_columns


def test_no_more_rows_are_examined_than_memory_has_room_for() -> None:
    read = list[int]()

    def rows() -> Iterator[Row]:
        for number in range(1, 4):
            read.append(number)
            yield Row(number, {"login": f"u{number}"}, "")

    found = examine(rows(), Source("s"), Asked(without_hashes=True), lambda: len(read) * (EXAMINED_CHARACTERS // 2 + 1))
    assert read == [1, 2]
    assert [row.line for row in found.rows] == [1, 2, 3]


def test_missing_login_is_complained_of_with_the_column_that_may_be_it(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="--map mail=login"):
        examined(tmp_path / "e.csv", f"name,mail,password_hash\na,a@example.com,{BCRYPT}\n", Source("s"))


def test_ignored_columns_that_look_like_credentials_are_named_by_themselves() -> None:
    assert list(ignored_lines({"shoeSize", "passwd", "city", "user.pw"})) == [
        "ignored columns: city, shoeSize; --attributes keeps them",
        "ignored columns that look like credentials: passwd, user.pw",
    ]
    assert list(ignored_lines({"passwordChangedAt"})) == ["ignored columns: passwordChangedAt; --attributes keeps them"]


def test_every_value_has_its_path_through_objects_and_lists() -> None:
    row = {"login": "a", "emails": [{"address": "x"}, {"address": "y"}], "tags": ["t", "u"], "p": {"q": {"r": 1}}}
    assert list(leaves(row)) == [
        ("login", "a"),
        ("emails.0.address", "x"),
        ("emails.1.address", "y"),
        ("tags", "t"),
        ("p.q.r", 1),
    ]


@pytest.mark.parametrize("value", [r"\x2432622431302461", "0x24326224", "b'$2b$10$", "{CUSTOM}abcdefgh", BCRYPT])
def test_value_that_describes_itself_as_a_hash_is_one_in_any_column(value: str) -> None:
    assert holds_hash("notes", value)
    assert not holds_hash("notes", "a plain text")


def test_salts_of_which_only_some_look_like_bytes_are_counted_in_the_warning(tmp_path: Path) -> None:
    text = f"login,password_hash,salt\na,{SHA1},\\x6162\nb,{SHA1},pepper\n"
    found, _, _ = examined(tmp_path / "e.csv", text)
    assert "1 of 2 rows" in found.notes[0]


@pytest.mark.parametrize("salt", ["\\x6162", "0x6162", "X'6162'", "b'ab'", "0123456789abcdef"])
def test_salts_that_look_like_bytes_are_warned_of(tmp_path: Path, salt: str) -> None:
    found, _, _ = examined(tmp_path / "e.csv", f"login,password_hash,salt\na,{SHA1},{salt}\n")
    assert "salt_encoding" in found.notes[0]


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_read(tmp_path: Path, charset: str) -> None:
    _, read, _ = examined(tmp_path / "e.csv", f"login,password_hash\nann,{BCRYPT}\n".encode(charset), Source("s"))
    assert list(read) == ["ann"]


def test_separator_line_and_trailing_delimiters_of_spreadsheets_are_read(tmp_path: Path) -> None:
    text = f"sep=;\nlogin;password_hash;\na;{BCRYPT};\nb;{BCRYPT}\nc;{BCRYPT};x\n"
    _, read, _ = examined(tmp_path / "e.csv", text, Source("s"))
    assert list(read) == ["a", "b", "5"]


USERS = [{"username": f"u{number}", "age": number, "note": 'a"]},{\n'} for number in range(3)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document", [USERS, {"users": USERS}, {"realm": "x", "roles": {"a": [1]}, "n": 1.5, "users": USERS, "groups": []}]
)
@pytest.mark.parametrize("compressed", [False, True])
def test_document_that_holds_all_users_is_read(
    tmp_path: Path, document: object, indent: int | None, compressed: bool
) -> None:
    content = json.dumps(document, indent=indent).encode()
    name, content = ("e.json.gz", gzip.compress(content)) if compressed else ("e.json", content)
    _, read, _ = examined(tmp_path / name, content, Source("s"), username="login")
    assert list(read) == ["u0", "u1", "u2"]


def test_rows_of_a_document_are_identified_by_their_first_line(tmp_path: Path) -> None:
    content = json.dumps({"users": [{"login": "a"}, {"no": 1}, {"login": "b"}]}, indent=1)
    _, read, _ = examined(tmp_path / "e.json", content, Source("s"))
    assert list(read) == ["a", "6", "b"]
    assert content.split("\n")[5].strip() == "{"


def test_values_of_a_document_may_be_cut_anywhere() -> None:
    document = {"n": 12, "x": 1.0, "users": [{"a": "]}", "b": [1.5, None]}, {"c": '\\"'}], "z": {}}
    text = json.dumps(document)
    for size in range(1, 12):
        pieces = (text[begin : begin + size] for begin in range(0, len(text), size))
        assert [json.loads(each) for _, each in Document(pieces, "f").objects()] == document["users"]


@pytest.mark.parametrize(
    "text, fault",
    [
        ('{\n"people": []\n}', "line 3: .* key users"),
        ('{"users": [{"login":"a"} {"login":"b"}]}', "line 1: , is missing"),
        ('[\n{"login":"a"},\n{"login":', "line 3: a value is not JSON"),
    ],
)
def test_document_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(UnreadableFile, match=fault):
        examined(tmp_path / "e.json", text, Source("s"))


@pytest.mark.parametrize("text", ['[{"x": [{many}]}]', '{"x": [{many}], "users": []}'])
def test_value_of_a_document_that_holds_too_many_others_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(json_document, "USUAL", 100)
    monkeypatch.setattr(json_document, "MOST_WITHIN", 50)
    with pytest.raises(UnreadableFile, match="line 1: a value holds more than 50 others"):
        list(Document(iter([text.replace("{many}", ",".join(["[]"] * 60))]), "f").objects())


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.ldif"])
def test_line_without_end_does_not_fill_the_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"login,password_hash\n" + b"a" * (1 << 26) + b"\nb,\n"))
    reader = open_export(path)
    longest = max((len(str(row.raw)) for row in reader if isinstance(row, FaultyRow)), default=0)
    reader.close()
    assert longest <= (1 << 24) + 100
