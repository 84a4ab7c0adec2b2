"""Exports as real systems write them: every row is loaded or in the rejects file, and the sums agree."""

import base64
import csv
import gzip
import io
import json
import random

import asyncpg
import pytest

from service.loading.files.row import UnreadableFile
from service.loading.reject import Reason
from service.loading.sources import Source
from tests.loading.loader import BCRYPT, Loader, contents

AWKWARD = (
    "login;password_hash;firstName;note\r\n"
    f'"o""brien@example.com";{BCRYPT};"O""Brien; Pat";"two\r\nlines"\r\n'
    f"müller@example.com;{BCRYPT};Jürgen;\r\n"
    "\r\n"
    f"MULLER@example.com;{BCRYPT};Other;\r\n"
    ";x;No;login\r\n"
    f"short@example.com;{BCRYPT}\r\n"
    f"long@example.com;{BCRYPT};a;b;c\r\n"
    "unknown@example.com;$zz$unknown;U;\r\n"
    "costly@example.com;$2b$31$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK;C;\r\n"
    "bare@example.com;5f4dcc3b5aa765d61d8327deb882cf99;B;\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
async def test_an_awkward_csv_is_loaded_or_refused_row_by_row(
    loader: Loader, pool: asyncpg.Pool, encoding: str, packed: bool
) -> None:
    content = AWKWARD.encode(encoding)
    charset = "latin-1" if encoding == "latin-1" else "utf-8"
    totals = await loader.load(gzip.compress(content) if packed else content, charset=charset)
    people = await contents(pool)
    assert [row["login"] for row in people] == ["müller@example.com", 'o"brien@example.com']
    assert people[1]["profile"] == {"firstName": 'O"Brien; Pat', "note": "two\r\nlines"}
    assert totals.rows == sum(totals.row_outcomes.values()) + totals.refused == 9
    assert totals.refusals == {
        Reason.SAME_LOGIN: 1,
        Reason.NO_LOGIN: 1,
        Reason.UNREADABLE: 2,
        Reason.UNKNOWN_SHAPE: 1,
        Reason.TOO_COSTLY: 1,
        Reason.AMBIGUOUS_SHAPE: 1,
    }
    rejects = loader.rejects.read_bytes().decode(encoding)
    lines = list(csv.reader(io.StringIO(rejects), delimiter=";"))
    assert lines[0] == ["line", "reason", "login", "password_hash", "firstName", "note"]
    assert [line[0] for line in lines[1:]] == ["6", "7", "8", "9", "10", "11", "12"]


async def test_corrected_rejects_load_as_they_are(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load(AWKWARD)
    corrected = (
        loader.rejects.read_text("utf-8")
        .replace(";;x;No", f";found@example.com;{BCRYPT};No")
        .replace("MULLER@", "another@")
        .replace("$zz$unknown", BCRYPT)
        .replace("$2b$31$", "$2b$05$")
        .replace("5f4dcc3b5aa765d61d8327deb882cf99", "")
        .replace(f"short@example.com;{BCRYPT}", f"short@example.com;{BCRYPT};;")
        .replace(";a;b;c", ";a;b")
    )
    totals = await loader.load(corrected, name="corrected.csv")
    assert (totals.rows, totals.refused) == (7, 0)
    assert len(await contents(pool)) == 9
    assert all("reason" not in str(row["profile"]) for row in await contents(pool))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["export.csv", "export.ldif"])
async def test_rejects_are_as_readable_as_the_export_that_they_come_from(
    loader: Loader, encoding: str, name: str
) -> None:
    texts = {"export.csv": "login,firstName\n,Jürgen\n", "export.ldif": "dn: dc=x\no: Jürgen\n"}
    await loader.load(texts[name].encode(encoding), name=name)
    again = await loader.load(loader.rejects.read_bytes(), name=name)
    assert (again.rows, again.refusals) == (1, {Reason.NO_LOGIN: 1})


async def test_an_unpaired_surrogate_refuses_only_its_row_of_utf_16(loader: Loader, pool: asyncpg.Pool) -> None:
    content = "login,firstName\na,Zoë\nb,?\nc,Kim\n".encode("utf-16").replace("?".encode("utf-16-le"), b"\x00\xd8")
    totals = await loader.load(content)
    assert (totals.rows, totals.refusals) == (3, {Reason.UNREADABLE: 1})
    assert b"\x00\xd8" in loader.rejects.read_bytes()


@pytest.mark.parametrize("charset", ["base64", "rot13", "nonsense"])
async def test_a_codec_that_makes_no_text_is_no_charset(loader: Loader, charset: str) -> None:
    with pytest.raises(UnreadableFile, match=f"--charset {charset}: unknown charset"):
        await loader.load("login\na\n", charset=charset)


async def test_a_quote_that_is_never_closed_takes_no_other_row_with_it(loader: Loader, pool: asyncpg.Pool) -> None:
    rows = [f"p{number}@example.com,Name" for number in range(50)]
    rows[20] = 'p20@example.com,"Name'
    totals = await loader.load("\n".join(["login,firstName", *rows]) + "\n")
    assert (totals.rows, totals.refusals) == (50, {Reason.UNREADABLE: 1})
    assert len(await contents(pool)) == 49
    again = await loader.load(loader.rejects.read_text("utf-8").replace('"Name', "Name"), name="again.csv")
    assert (again.rows, again.refused) == (1, 0)


async def test_a_line_that_stays_uncorrected_is_the_same_in_the_rejects_of_the_rejects(loader: Loader) -> None:
    await loader.load('login,firstName\na@example.com,"Name\n,no login\n')
    first = loader.rejects.read_text("utf-8")
    for _ in range(2):
        totals = await loader.load(loader.rejects.read_text("utf-8"), name="again.csv")
        assert (totals.rows, totals.refused) == (2, 2)
    assert loader.rejects.read_text("utf-8") == first


async def test_empty_lines_before_the_header_are_passed_over_and_counted(loader: Loader, pool: asyncpg.Pool) -> None:
    totals = await loader.load("\r\n\r\nlogin,firstName\r\na,Kim\r\n,No\r\n")
    assert (totals.rows, totals.refusals) == (2, {Reason.NO_LOGIN: 1})
    assert "\n5,no login,,No\n" in loader.rejects.read_text("utf-8")


@pytest.mark.parametrize("note", ["Back\\North", '"two\nlines"'])
async def test_the_null_of_copy_and_mysql_is_an_empty_cell(loader: Loader, pool: asyncpg.Pool, note: str) -> None:
    header = "login,password_hash,okta_id,identifiers,salt,firstName,note"
    rows = [f"{login},{BCRYPT},\\N,\\N,\\N,\\N,{note}" for login in "ab"]
    totals = await loader.load("\n".join([header, *rows]) + "\n")
    assert totals.refusals == {}
    for person in await contents(pool):
        assert (person["okta_id"], person["identifiers"]) == (None, [])
        assert person["profile"] == {"note": note.strip('"')}


async def test_bytes_outside_the_charset_refuse_only_their_row_and_stay_as_they_are(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    content = b"login,firstName\na@example.com,J\xfcrgen\nb@example.com,nul\x00\nc@example.com,fine\n"
    totals = await loader.load(content)
    assert (totals.rows, totals.refusals) == (3, {Reason.UNREADABLE: 2})
    assert b"a@example.com,J\xfcrgen" in loader.rejects.read_bytes()
    assert [row["login"] for row in await contents(pool)] == ["c@example.com"]


async def test_json_lines_carry_lists_numbers_and_nested_profiles(loader: Loader, pool: asyncpg.Pool) -> None:
    rows = [
        {"login": "a@example.com", "identifiers": ["A1", "a2"], "age": 7, "profile": {"roles": ["x"]}, "gone": None},
        {"login": 12345, "password_hash": [BCRYPT, BCRYPT.replace("04", "05")]},
        {"login": True},
        {"login": "b@example.com", "password_hash": BCRYPT, "options": "{"},
    ]
    text = "\n".join(map(json.dumps, rows)) + '\n[1]\n{"login": "c", "login": "d"}\n{"login": "\\ud800"}\nnope\n\n'
    totals = await loader.load(text, name="export.jsonl")
    assert (totals.rows, totals.refused, totals.formats) == (8, 6, {"multiple": 1})
    number, person = await contents(pool)
    assert number["login"] == "12345"
    assert (person["identifiers"], person["profile"]) == (["a1", "a2"], {"age": 7, "roles": ["x"]})
    refused = [json.loads(line) for line in loader.rejected().splitlines()]
    assert [row["line"] for row in refused] == [3, 4, 5, 6, 7, 8]
    assert refused[-1]["unreadable"] == "nope"


async def test_ldif_is_read_with_base64_folding_and_several_passwords(loader: Loader, pool: asyncpg.Pool) -> None:
    name = base64.b64encode("Jürgen".encode()).decode()
    secret = base64.b64encode(b"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=").decode()
    text = f"""version: 1

# the root
dn: dc=example,dc=com
objectClass: domain

dn: uid=juergen,dc=example,dc=com
uid: juergen
mail: juergen@example.com
givenName:: {name}
description: a line that
  goes on
userPassword:: {secret}
jpegPhoto:: /9j/4A==

dn: uid=kim,dc=example,dc=com
UID: kim
userPassword: {{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=
userPassword: {BCRYPT}

dn: uid=x
changetype: delete
"""
    totals = await loader.load(text, name="export.ldif")
    assert (totals.rows, totals.refusals) == (4, {Reason.NO_LOGIN: 1, Reason.UNREADABLE: 1})
    juergen, kim = await contents(pool)
    assert (juergen["login"], juergen["identifiers"]) == ("juergen@example.com", ["juergen"])
    assert juergen["profile"] == {
        "firstName": "Jürgen", "description": "a line that goes on", "email": "juergen@example.com",
    }  # fmt: skip
    assert "|multiple|" in str(kim["hashes"])
    corrected = loader.rejected().replace("changetype: delete\n", "uid: x\n")
    again = await loader.load(corrected, name="again.ldif")
    assert (again.rows, again.refusals) == (2, {Reason.NO_LOGIN: 1})


async def test_an_entry_with_a_large_photograph_is_loaded_or_written_whole(loader: Loader) -> None:
    photograph = "jpegPhoto:: " + base64.b64encode(b"\xff" * (1 << 21)).decode()
    totals = await loader.load(f"dn: uid=a\nuid: a\n{photograph}\n\ndn: o=b\n{photograph}\n", name="export.ldif")
    assert (totals.rows, totals.refusals) == (2, {Reason.NO_LOGIN: 1})
    assert photograph in loader.rejected()


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
async def test_a_line_of_ldif_ends_only_where_its_file_does(loader: Loader, pool: asyncpg.Pool, charset: str) -> None:
    value = "a\x85b\x0cc"
    text = f"dn: uid=a\r\nuid: a\r\ncn: {value}\r\n\r\ndn: o=b\r\no: {value}\r\n"
    totals = await loader.load(text.encode(charset), name="export.ldif", charset=charset)
    assert totals.refusals == {Reason.NO_LOGIN: 1}
    assert (await contents(pool))[0]["profile"] == {"cn": value}
    assert f"o: {value}\n".encode(charset) in loader.rejects.read_bytes()


async def test_two_attributes_for_one_column_refuse_their_entry(loader: Loader, pool: asyncpg.Pool) -> None:
    text = f"dn: uid=a\nuid: a\npw: {BCRYPT}\nuserPassword: {BCRYPT}\n\ndn: uid=b\nuid: b\npw: {BCRYPT}\n"
    totals = await loader.load(text, name="export.ldif", mapping={"pw": "password_hash"})
    assert totals.refusals == {Reason.UNREADABLE: 1}
    assert [person["login"] for person in await contents(pool)] == ["b"]


async def test_columns_can_be_mapped(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load("email,pw\na@example.com," + BCRYPT + "\n", mapping={"email": "login", "pw": "password_hash"})
    assert (await contents(pool))[0]["state"] == "waiting"


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"", "empty"),
        (b"login,,x\n", "has no name"),
        (b"login,a,a\n", "contains a column twice"),
        (gzip.compress(b"login\na\n", mtime=0)[:-6], "cut off or damaged"),
        (gzip.compress(b"login\na\n", mtime=0)[:10] + b"\xff" * 20, "cut off or damaged"),
    ],
)
async def test_a_file_that_cannot_be_read_as_a_whole_is_refused_by_name(
    loader: Loader, content: bytes, fault: str
) -> None:
    with pytest.raises(UnreadableFile, match=fault):
        await loader.load(content)


async def test_a_pepper_or_a_plain_password_is_never_taken_for_an_attribute(loader: Loader, pool: asyncpg.Pool) -> None:
    totals = await loader.load("login,pepper\na@example.com,secret\n")
    assert totals.refusals == {Reason.BAD_COLUMN: 1}
    totals = await loader.load("login,password\na@example.com,secret\n")
    assert totals.refusals == {Reason.BAD_COLUMN: 1}
    assert await contents(pool) == []


@pytest.mark.parametrize("name", ["Password", "PEPPER", "password", "password_hash"])
async def test_nor_is_one_in_another_case_or_within_the_profile(loader: Loader, pool: asyncpg.Pool, name: str) -> None:
    row = {"login": "a", "profile": {name: "secret"}} if name.islower() else {"login": "a", name: "secret"}
    totals = await loader.load(json.dumps(row), name="export.jsonl")
    assert totals.refusals == {Reason.BAD_COLUMN: 1}
    assert await contents(pool) == []


@pytest.mark.parametrize(
    "header, mapping",
    [("LOGIN,PASSWORD_HASH,Okta_Id", {}), ("login,Hash,okta_id", {}), ("login,pw,okta_id", {"pw": "hash"})],
)
async def test_the_columns_of_an_account_are_known_in_any_case_and_by_their_other_names(
    loader: Loader, pool: asyncpg.Pool, header: str, mapping: dict[str, str]
) -> None:
    await loader.load(f"{header},Department\na,{BCRYPT},00u1,X\n", mapping=mapping)
    (person,) = await contents(pool)
    assert (person["state"], person["okta_id"], person["profile"]) == ("waiting", "00u1", {"Department": "X"})


async def test_a_row_says_more_than_its_source(loader: Loader, pool: asyncpg.Pool) -> None:
    source = Source("shop", format="md5($salt.$pass)", salt_encoding="hex")
    digest = "5f4dcc3b5aa765d61d8327deb882cf99"
    await loader.load(
        f"login,password_hash,salt,format,salt_encoding\na,{digest},00ff,,\nb,{digest},zz,sha1($pass),text\nc,{digest},zz,,text\n",
        source,
    )
    recipes = await pool.fetch("SELECT format, parameters->>'salt_encoding' AS salt FROM recipes ORDER BY id")
    assert [tuple(row) for row in recipes] == [("md5($salt.$pass)", "hex"), ("md5($salt.$pass)", "text")]


async def test_a_million_character_line_is_one_refused_row(loader: Loader, pool: asyncpg.Pool) -> None:
    totals = await loader.load("login,note\na@example.com," + "x" * 2_000_000 + "\nb@example.com,\n")
    assert (totals.rows, totals.refusals) == (2, {Reason.UNREADABLE: 1})


async def test_a_login_too_long_for_the_store_is_refused_and_one_too_long_for_okta_warned_of(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    totals = await loader.load(f"login\n{'a' * 101}\n{'b' * 1025}\n")
    assert (totals.long_logins, totals.refusals) == (1, {Reason.BAD_LOGIN: 1})


SMF = "6f9e2a1899e1f15708fd2e554103480eb53e8b57"
"""Hash of `foobar`, by `test`: tests/passwords/drivers_test.php of phpBB."""


@pytest.mark.parametrize("column, row", [("", "Test,SMF"), (",user", "Test,SMF,"), (",username", "x,SMF,TEST")])
async def test_the_name_in_a_hash_is_the_login_where_no_column_says_it(
    loader: Loader, pool: asyncpg.Pool, column: str, row: str
) -> None:
    source = Source("forum", format="smf")
    totals = await loader.load(f"login,password_hash{column}\n{row.replace('SMF', SMF)}\n", source)
    assert (totals.refused, totals.named_by_login) == (0, 0 if column == ",username" else 1)
    assert (await pool.fetchval("SELECT username FROM hashes")).lower() == "test"


async def test_a_name_that_its_own_column_lacks_is_not_guessed(loader: Loader, pool: asyncpg.Pool) -> None:
    source = Source("forum", format="smf", username="nick")
    totals = await loader.load(f"login,password_hash,nick\ntest,{SMF},\n", source)
    assert totals.refusals == {Reason.MALFORMED_HASH: 1}


WIDE = "".join(random.Random(1).choices([chr(code) for code in range(0x4E00, 0x9FA5)], k=1000))  # noqa: S311 (no secret)
"""More bytes than PostgreSQL's indexes accept, and incompressible."""


@pytest.mark.parametrize(
    "header, row, reason",
    [
        ("login", WIDE, Reason.BAD_LOGIN),
        ("login,identifiers", f"a,{WIDE}", Reason.BAD_COLUMN),
        ("login,okta_id", f"a,{WIDE}", Reason.BAD_COLUMN),
        ("login,password_hash,site_key", f"a,{BCRYPT},{WIDE}", Reason.BAD_COLUMN),
    ],
    ids=["login", "identifiers", "okta_id", "options"],
)
async def test_a_value_that_no_index_takes_refuses_only_its_row(
    loader: Loader, pool: asyncpg.Pool, header: str, row: str, reason: Reason
) -> None:
    totals = await loader.load(f"{header}\n{row}\nb{',' * header.count(',')}\n")
    assert (totals.rows, totals.refusals) == (2, {reason: 1})
    assert [person["login"] for person in await contents(pool)] == ["b"]
