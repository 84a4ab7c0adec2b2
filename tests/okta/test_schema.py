"""The user schema: what Okta would reject in a profile, by attribute."""

from typing import Any

import pytest

from service.okta.errors import MalformedAnswer
from service.okta.schema import SchemaFault, read_other_types, read_schema

SCHEMA = {
    "definitions": {
        "base": {
            "properties": {
                "login": {"type": "string", "minLength": 5, "maxLength": 100},
                "email": {"type": "string"},
                "firstName": {"type": "string", "required": True},
            },
            "required": ["login", "email"],
        },
        "custom": {
            "properties": {
                "level": {"type": "number"},
                "floor": {"type": "integer"},
                "member": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "size": {"type": "string", "enum": ["S", "M"]},
            }
        },
    }
}
GOOD: dict[str, Any] = {"login": "jessie@example.com", "email": "jessie@example.com", "firstName": "Jessie"}


@pytest.mark.parametrize(
    "profile, expected",
    [
        ({}, []),
        ({"level": 1.5, "floor": 3, "member": True, "tags": ["a"], "size": "S"}, []),
        ({"id": "7"}, [("id", SchemaFault.UNDEFINED)]),
        ({"level": "3"}, [("level", SchemaFault.WRONG_TYPE)]),
        ({"level": True}, [("level", SchemaFault.WRONG_TYPE)]),
        ({"floor": 1.5}, [("floor", SchemaFault.WRONG_TYPE)]),
        ({"member": "true"}, [("member", SchemaFault.WRONG_TYPE)]),
        ({"tags": "a"}, [("tags", SchemaFault.WRONG_TYPE)]),
        ({"tags": [1]}, [("tags", SchemaFault.WRONG_TYPE)]),
        ({"email": 5}, [("email", SchemaFault.WRONG_TYPE)]),
        ({"size": "XL"}, [("size", SchemaFault.NOT_IN_LIST)]),
        ({"login": "a@b"}, [("login", SchemaFault.BAD_LENGTH)]),
        ({"firstName": ""}, [("firstName", SchemaFault.MISSING)]),
    ],
)
def test_what_the_schema_refuses_is_named_by_attribute(
    profile: dict[str, Any], expected: list[tuple[str, SchemaFault]]
) -> None:
    assert list(read_schema(SCHEMA).faults_of(GOOD | profile)) == expected


def test_a_required_attribute_that_is_not_sent_is_missing() -> None:
    given = {name: value for name, value in GOOD.items() if name != "email"}
    assert list(read_schema(SCHEMA).faults_of(given)) == [("email", SchemaFault.MISSING)]


@pytest.mark.parametrize("value", [None, [], {}, {"definitions": {"base": {"properties": {}}}}])
def test_what_is_no_user_schema_is_refused(value: object) -> None:
    with pytest.raises(MalformedAnswer):
        read_schema(value)


def test_the_default_type_is_none_of_the_others() -> None:
    href = "https://example.okta.com/api/v1/meta/schemas/user/osc"
    types = [
        {"name": "user", "default": True, "_links": {"schema": {"href": href + "1"}}},
        {"name": "contractor", "default": False, "_links": {"schema": {"href": href + "2"}}},
        {"name": "elsewhere", "default": False, "_links": {"schema": {"href": "https://example.com/x"}}},
    ]
    assert read_other_types(types) == [("contractor", "meta/schemas/user/osc2")]
