"""The line of every value of a TOML document."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.registration.toml_document import Path, lines_of
from tests.registration.asking import EXAMPLES

TRICKY = '''
# a comment with [brackets] = and "quotes"
"quoted.key" = 1 # [x]
'lit' . "d\\u0065ep" = """
[not.a.table]
x = 1 \\""" """
list = [ # comment
  "a, ]", 'b',
  [1, 2.5, -3e4], { x = 1, y.z = "}" },

]
when = 1979-05-27 07:32:00
[a . b]
c = { d = { e = [ { f = 1 } ] } }
[[a.list]]
one = 1
[a.list.sub]
two = 2
[[a.list]]
three = \'\'\'x
[[no]]\'\'\'
[[a.list.inner]]
four = true
'''


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in members:
        yield from paths(inner, (*path, step))


@pytest.mark.parametrize("document", [TRICKY] + [path.read_text() for path in sorted(EXAMPLES.glob("*.toml"))])
def test_every_value_has_a_line_on_which_its_key_stands(document: str) -> None:
    lines, written = lines_of(document), document.split("\n")
    for path in paths(tomllib.loads(document)):
        assert path in lines, path
        if isinstance(path[-1], str) and path[-1] != "deep":
            assert path[-1] in written[lines[path] - 1]


def test_lines_of_the_tricky_document_are_those_that_an_editor_shows() -> None:
    lines = lines_of(TRICKY)
    assert tuple(
        lines[path] for path in [("quoted.key",), ("lit", "deep"), ("list", 0), ("list", 2), ("list", 3, "y", "z")]
    ) == (3, 4, 8, 9, 9)
    assert tuple(
        lines[("a", "list", *path)] for path in [(0,), (0, "one"), (0, "sub", "two"), (1,), (1, "inner", 0, "four")]
    ) == (15, 16, 18, 19, 23)


@given(st.text(alphabet="[]{}=,.\"'#\\ \n\rab1-", max_size=60))
def test_whatever_tomllib_accepts_is_understood(document: str) -> None:
    try:
        value = tomllib.loads(document)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths(value)) <= lines_of(document.replace("\r\n", "\n")).keys()
