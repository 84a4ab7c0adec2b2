"""Which tests of one attribute contradict each other. Knows the words of tests, and reads none of them."""

import itertools
from collections.abc import Mapping

from service.policies.registration.document import Node


def note_contradictions(node: Node, members: Mapping[str, Node]) -> None:
    """Note every two tests of one attribute that can't both be true, or that say the same."""
    for (word, one), (other, another) in itertools.combinations(members.items(), 2):
        if not _states(word, one.value) & _states(other, another.value):
            said = [
                f"{name} = {str(value).lower()}" if isinstance(value, bool) else name
                for name, value in ((word, one.value), (other, another.value))
            ]
            node.fault(f"{said[0]} contradicts {said[1]}: both can't be true")
    if "equals" in members and "one_of" in members:
        node.fault("equals and one_of say the same thing twice: keep one of them")


def _states(word: str, value: object) -> set[str]:
    """Say in which states of an attribute a test can be true; a test of what it holds wants it filled."""
    return _STATES.get((word, value is True), {"filled"})


_STATES = {
    ("sent", True): {"empty", "filled"},
    ("sent", False): {"absent"},
    ("present", False): {"absent", "empty"},
    ("empty", True): {"empty"},
    ("empty", False): {"filled"},
}
