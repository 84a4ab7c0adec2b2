"""The pattern of an unknown hash shows its layout and none of its contents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.hashing.redact import MAX_PATTERN, pattern_of


@pytest.mark.parametrize(
    "text, pattern",
    [
        ("$x9$" + "0f" * 16, "$x9$hex{32}"),
        ("{XSHA}kq3x+Zz/abcdefghIJ==", "{XSHA}base64{20}"),
        ("my_sha256$1000$seasalt$" + "AB" * 8, "my_sha256$digits{4}$chars{7}$HEX{16}"),
        ("seasalt$" + "0f" * 16, "chars{7}$hex{32}"),
        ("$argon9$v=19$m=65536,t=3$c2FsdHNhbHRzYWx0", "$argon9$v=digits{2}$m=digits{5},t=digits{1}$base64{16}"),
        ("0x01AB34CD5", "0xHEX{9}"),
        ("hunter2", "chars{7}"),
        ("pass word é", "chars{4}space{1}chars{4}space{1}other{1}"),
        ("", ""),
    ],
)
def test_a_pattern_keeps_marks_and_lengths(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


@given(st.text("0123456789abcdefXYZ$:", min_size=12, max_size=40), st.sampled_from(["$x9$", "{SSHA}", "", "a:"]))
def test_a_pattern_shows_nothing_of_what_stands_behind_the_mark(secret: str, mark: str) -> None:
    words = [word for word in secret.replace(":", "$").split("$")[1:] if len(word) > 4]
    assert not [word for word in words if word in pattern_of(mark + secret)]


@given(st.text())
def test_a_pattern_is_short_whatever_the_text(text: str) -> None:
    assert len(pattern_of(text * 50)) <= MAX_PATTERN
