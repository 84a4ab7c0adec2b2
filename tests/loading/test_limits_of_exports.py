"""Exports at the limits of the readers: blocks, long records, kinds of changes, and values of maximum length."""

import asyncio
import base64
import io
import json
from contextlib import closing

import asyncpg
import pytest

from service.loading.files import csv, json_lines, ldif, postgres
from service.loading.files.csv import BLOCK
from service.loading.files.open import Terminal, open_export
from service.loading.files.row import UnreadableFile
from service.loading.queries import RowOutcome
from service.loading.reject import Reason
from service.loading.sources import Source
from tests.loading.loader import BCRYPT, Loader, contents

DIGEST = "5f4dcc3b5aa765d61d8327deb882cf99"


@pytest.mark.parametrize("change", ["delete", "modify", "modrdn", "moddn", "ADD", "add-on", "replace"])
async def test_each_kind_of_change_but_add_is_refused_by_its_line(
    loader: Loader, pool: asyncpg.Pool, change: str
) -> None:
    text = f"dn: uid=a\nuid: a\n\ndn: uid=b\nchangetype: {change}\nuid: b\n\ndn: uid=c\nchangetype: add\nuid: c\n"
    totals = await loader.load(text, name="export.ldif")
    assert (totals.rows, totals.refusals) == (3, {Reason.UNREADABLE: 1})
    assert "# line 4: not readable as a row: a change record" in loader.rejected()
    assert [row["login"] for row in await contents(pool)] == ["a", "c"]
    assert "changetype" not in str(await contents(pool))


async def test_an_entry_that_is_too_long_is_refused_and_the_next_ones_are_read(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldif, "LONGEST_RECORD", 300)
    line = "description: " + "x" * 86 + "\n"
    long = "dn: uid=a\nuid: a\n" + line * 10
    short = "dn: uid=b\nuid: b\n" + line * 2
    totals = await loader.load("\n".join([long, short, short.replace("uid: b", "uid: c")]), name="export.ldif")
    assert (totals.rows, totals.refusals) == (3, {Reason.UNREADABLE: 1})
    assert "# line 1: " in loader.rejected()
    assert "the entry is longer than" in loader.rejected()
    assert len(loader.rejected()) < 600
    assert [row["login"] for row in await contents(pool)] == ["b", "c"]


@pytest.mark.parametrize(
    "line, fault",
    [
        ("userPassword:< file:///etc/passwd", "userPassword is given by a URL"),
        ("cn:: YWJj!", "cn is not base64"),
        ("userPassword:: //79", "userPassword is not text"),
        ("uid:: AAAA", "uid is not text"),
        ("mail:: //79", "mail is not text"),
        ("no colon", "a line without an attribute"),
    ],
)
async def test_a_line_of_an_entry_that_cannot_be_read_refuses_the_entry(
    loader: Loader, pool: asyncpg.Pool, line: str, fault: str
) -> None:
    totals = await loader.load(f"dn: uid=a\nuid: a\n{line}\n\ndn: uid=b\nuid: b\n", name="export.ldif")
    assert (totals.rows, totals.refusals) == (2, {Reason.UNREADABLE: 1})
    assert fault in loader.rejected()
    assert [row["login"] for row in await contents(pool)] == ["b"]


@pytest.mark.parametrize("rows", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 1])
async def test_every_row_of_several_blocks_is_read_and_lines_are_counted(loader: Loader, rows: int) -> None:
    text = "login\n" + "".join(f"p{number}\n" for number in range(rows - 1)) + '" "\n'
    totals = await loader.load(text)
    assert (totals.rows, totals.refusals) == (rows, {Reason.NO_LOGIN: 1})
    assert loader.rejected().splitlines()[1].startswith(f"{rows + 1},")


async def test_lines_are_counted_over_blocks_with_newlines_in_fields(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, pool: asyncpg.Pool
) -> None:
    monkeypatch.setattr(csv, "BLOCK", 3)
    rows = ["a,x", 'b,"two', 'lines"', "c,x", "d,x", 'e,"over', "the", 'block"', "f,x", "g,x", ",none", "h,x"]
    totals = await loader.load("\n".join(["login,note", *rows]) + "\n")
    assert (totals.rows, totals.refusals) == (9, {Reason.NO_LOGIN: 1})
    assert loader.rejected().splitlines()[1] == "12,no login,,none"
    assert [row["profile"]["note"] for row in await contents(pool)][4] == "over\nthe\nblock"  # type: ignore[index]


async def test_the_lines_after_a_stray_quote_are_read_in_their_order(loader: Loader, pool: asyncpg.Pool) -> None:
    rows = ["a,x", 'b,"stray', "c,first", "d,second", "c,third", "e,x"]
    totals = await loader.load("\n".join(["login,note", *rows]) + "\n")
    assert totals.refusals == {Reason.UNREADABLE: 1, Reason.SAME_LOGIN: 1}
    assert {row["login"]: row["profile"] for row in await contents(pool)}["c"] == {"note": "first"}


async def test_a_line_of_json_beyond_the_longest_is_refused_and_the_longest_is_not(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps({"login": "a"})
    monkeypatch.setattr(json_lines, "LONGEST_LINE", len(line))
    totals = await loader.load(f"{line}\n{json.dumps({'login': 'bb'})}\n", name="export.jsonl")
    assert (totals.rows, totals.refusals) == (2, {Reason.UNREADABLE: 1})
    assert "too long" in loader.rejected()


@pytest.mark.parametrize("line", ['{"login": "a", "x": {"b": 1, "b": 2}}', '{"Login": "a", "login": "a"}'])
async def test_a_line_of_json_that_says_a_thing_twice_is_refused(loader: Loader, line: str) -> None:
    assert (await loader.load(line, name="export.jsonl")).refusals == {Reason.UNREADABLE: 1}


@pytest.mark.parametrize("text", ["[1", '{\n"login": "a"\n}'])
async def test_a_json_document_without_an_array_of_users_is_refused_as_a_whole(loader: Loader, text: str) -> None:
    with pytest.raises(UnreadableFile, match=r"line [13]: .*key users"):
        await loader.load(text, name="export.jsonl")


async def test_a_login_of_exactly_the_most_characters_that_okta_takes_is_not_warned_of(loader: Loader) -> None:
    assert (await loader.load(f"login\n{'a' * 100}\n")).long_logins == 0
    assert (await loader.load(f"login\n{'b' * 101}\n")).long_logins == 1


@pytest.mark.parametrize("mark", ["", " ", "\\N", "NULL"])
async def test_what_exports_write_for_no_hash_is_none(loader: Loader, pool: asyncpg.Pool, mark: str) -> None:
    totals = await loader.load(f"login,password_hash,note\na,{mark},x\n")
    assert (totals.unarmed, totals.refused) == (1, 0)


async def test_a_login_of_diacritics_alone_is_refused(loader: Loader) -> None:
    assert (await loader.load("login\n\u0301\n")).refusals == {Reason.BAD_LOGIN: 1}


@pytest.mark.parametrize("names", ["a;" + "b" * 1025, "b" * 1025 + ";a"])
async def test_each_identifier_is_as_short_as_the_store_takes(loader: Loader, names: str) -> None:
    assert (await loader.load(f"login,identifiers\nkim,{names}\n")).refusals == {Reason.BAD_COLUMN: 1}


async def test_the_login_and_empty_texts_are_no_identifiers(loader: Loader, pool: asyncpg.Pool) -> None:
    await loader.load("login,identifiers\nKim,kim; KIM ;;other;Other\n")
    assert (await contents(pool))[0]["identifiers"] == ["other"]


async def test_a_row_whose_pepper_is_not_in_the_environment_is_refused(loader: Loader, pool: asyncpg.Pool) -> None:
    source = Source("shop", format="md5($pass.$pepper)", pepper_env="SHOP_PEPPER")
    assert (await loader.load(f"login,password_hash\na,{DIGEST}\n", source)).refusals == {Reason.NO_PEPPER: 1}
    loader.environment["SHOP_PEPPER"] = "pepper"
    assert (await loader.load(f"login,password_hash\na,{DIGEST}\n", source)).refused == 0


async def test_each_column_of_a_recipe_makes_another_recipe(loader: Loader, pool: asyncpg.Pool) -> None:
    header = "login,password_hash,salt,format,charset,salt_encoding,iterations"
    rows = [
        f"a,{DIGEST},ab,md5($salt.$pass),,,",
        f"b,{DIGEST},ab,md5($pass.$salt),,,",
        f"c,{DIGEST},ab,md5($salt.$pass),latin-1,,",
        f"d,{DIGEST},ab,md5($salt.$pass),,hex,",
        f"e,{DIGEST},ab,pbkdf2_md5,,,1000",
        f"f,{DIGEST},ab,pbkdf2_md5,,,1001",
    ]
    assert (await loader.load("\n".join([header, *rows]) + "\n")).refused == 0
    assert await pool.fetchval("SELECT count(DISTINCT recipe_id) FROM hashes") == len(rows)


async def test_a_hash_that_begins_like_an_earlier_one_of_another_format_is_tried_as_its_own(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    several = f'["{BCRYPT}", "{BCRYPT}"]'
    rows = [{"login": "a", "password_hash": BCRYPT}, {"login": "b", "password_hash": json.loads(several)}]
    totals = await loader.load("\n".join(map(json.dumps, rows)), name="export.jsonl")
    assert totals.formats == {"bcrypt": 1, "multiple": 1}


@pytest.mark.parametrize("name", ["password", "Password", "PEPPER", "password_HASH"])
async def test_a_nested_profile_holds_no_secret_in_any_case(loader: Loader, name: str) -> None:
    row = json.dumps({"login": "a", "profile": {name: "secret"}})
    assert (await loader.load(row, name="export.jsonl")).refusals == {Reason.BAD_COLUMN: 1}


async def test_a_row_of_json_says_which_attributes_are_empty_and_keeps_false_and_zero(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    await loader.load('{"login": "a", "note": "x", "age": 3, "is_staff": true}', name="export.jsonl")
    await loader.load('{"login": "a", "note": null, "age": 0, "is_staff": false}', name="export.jsonl")
    assert (await contents(pool))[0]["profile"] == {"age": 0, "is_staff": False}


@pytest.mark.parametrize("column, values", [("salt", ("aa", "bb")), ("username", ("ann", "bo"))])
async def test_a_row_in_which_only_the_salt_or_the_name_changed_is_changed(
    loader: Loader, pool: asyncpg.Pool, column: str, values: tuple[str, str]
) -> None:
    mixed_in = "salt" if column == "salt" else "user"
    source = Source("shop", format=f"md5(${mixed_in}.$pass)")
    row_outcomes = [
        (await loader.load(f"login,password_hash,{column}\na,{DIGEST},{value}\n", source)).row_outcomes
        for value in values
    ]
    assert row_outcomes == [{RowOutcome.NEW: 1}, {RowOutcome.CHANGED: 1}]
    assert await pool.fetchval(f"SELECT {column} FROM hashes") == values[1]  # noqa: S608 (a constant)


async def test_a_shorter_rejects_file_takes_the_place_of_a_longer_one(loader: Loader) -> None:
    await loader.load("login,note\n" + ",x\n" * 50)
    await loader.load("login,note\n,y\n")
    assert loader.rejected() == "line,reason,login,note\n2,no login,,y\n"


async def test_rows_of_a_query_are_numbered_over_all_that_are_fetched_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "AT_ONCE", 2)

    def read() -> list[tuple[int, object]]:
        reader = postgres.QueryReader(database_url, "SELECT n AS login FROM generate_series(1, 5) AS n", str)
        try:
            return [(row.line, row.fields["login"]) for row in reader]  # type: ignore[union-attr]
        finally:
            reader.close()

    assert await asyncio.to_thread(read) == [(number, number) for number in range(1, 6)]


async def test_a_value_in_base64_is_read_with_its_spaces_and_a_photograph_is_left_out(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    name = base64.b64encode(b" two words ").decode()
    await loader.load(f"dn: uid=a\nuid: a\ncn:: {name}\njpegPhoto:: /9j/4A==\n", name="export.ldif")
    assert (await contents(pool))[0]["profile"] == {"cn": " two words "}


async def test_a_row_with_fewer_columns_than_an_earlier_one_is_read_by_its_own(
    loader: Loader, pool: asyncpg.Pool
) -> None:
    rows = '{"Login": "a", "note": "x"}\n{"Login": "b"}\n{"Login": "c", "age": 3}\n'
    assert (await loader.load(rows, name="export.jsonl")).refused == 0
    assert [row["profile"] for row in await contents(pool)] == [{"note": "x"}, {}, {"age": 3}]


CSV, JSONL = "login,password_hash\n", '{{"login": "a", "x": [0{long}]}}\n{{"login": "b"}}\n'
WIDE = {
    "a row of many cells": ("export.csv", CSV + "{long}\nb,\n", ",x", "more than 50 columns"),
    "a row of some cells": ("export.csv", CSV + "{short}\nb,\n", ",x", "31 columns, but the header has 2"),
    "a row of COPY": ("export.tsv", "login\tpassword_hash\n{long}\nb\t\\N\n", "\tx", "more than 50 columns"),
    "a list in JSON": ("export.jsonl", JSONL, ",0", "more than 50 values"),
    "an entry": ("export.ldif", "dn: a\nuid: a\n{long}\n\nuid: b\n", "x: y\n", "an entry of more than 50 lines"),
}


@pytest.mark.parametrize("name", WIDE)
async def test_a_row_of_too_many_values_is_refused_before_they_are_made_and_the_next_one_is_read(
    loader: Loader, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (csv, json_lines, ldif):
        monkeypatch.setattr(module, "MOST_VALUES", 50)
    monkeypatch.setattr(csv, "MOST_COLUMNS", 20)
    monkeypatch.setattr(json_lines, "USUAL_LINE", 60)
    file, text, unit, fault = WIDE[name]
    totals = await loader.load(text.format(long=unit * 60, short=unit * 30), name=file)
    assert (totals.rows, totals.refusals) == (2, {Reason.UNREADABLE: 1})
    assert fault in loader.rejected()
    assert [row["login"] for row in await contents(pool)] == ["b"]


async def test_a_header_of_too_many_columns_is_refused(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "MOST_COLUMNS", 20)
    with pytest.raises(UnreadableFile, match="the header has more than 20 columns"):
        await loader.load(",".join(["login", *(f"c{number}" for number in range(20))]) + "\n")


async def test_values_count_in_the_volume_of_what_is_read(loader: Loader) -> None:
    export = loader.folder / "volume.csv"
    export.write_text("login,a,b,c\n" + "x,,,\n" * 1000)
    with closing(open_export(export)) as reader:
        assert sum(1 for _ in reader) == 1000
        assert reader.volume() > 1000 * 4 * 50


def test_refused_rows_on_a_terminal_are_shown_with_escapes() -> None:
    shown = io.BytesIO()
    with Terminal(shown, newline="", write_through=True) as terminal:
        terminal.write("2,x\x1b[2J\r,é\u202e\n")
        assert shown.getvalue() == "2,x\\x1b[2J\\r,é\\u202e\n".encode()
