"""The user schema of an org: the attributes of a profile, their types, and which are required.

https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Schema/
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

from service.immutable import immutable
from service.okta.errors import MalformedAnswer
from service.okta.parsing import member, text_member

DEFAULT_TYPE = "default"
"""The id of the default user type's schema in the API's path."""


class SchemaFault(enum.StrEnum):
    """Why Okta would reject an attribute; the value is its name for scripts."""

    UNDEFINED = "undefined"
    WRONG_TYPE = "wrong_type"
    MISSING = "missing"
    BAD_LENGTH = "bad_length"
    NOT_IN_LIST = "not_in_list"


@immutable
class Attribute:
    """An attribute as defined by the schema."""

    type: str
    """JSON Schema's: string, number, integer, boolean, array, object."""
    items: str | None = None
    """The type of an array's items."""
    required: bool = False
    shortest: int | None = None
    longest: int | None = None
    """Maximum characters of a string."""
    values: tuple[Any, ...] | None = None
    """The allowed values, if they are enumerated."""

    def fault_of(self, value: object) -> SchemaFault | None:
        """Return the fault of a value; None if it is valid."""
        if not _is_of(self.type, value) or (isinstance(value, list) and not all(_is_of(self.items, x) for x in value)):
            return SchemaFault.WRONG_TYPE
        if isinstance(value, str) and not (self.shortest or 0) <= len(value) <= (self.longest or len(value)):
            return SchemaFault.BAD_LENGTH
        if self.values is not None and not isinstance(value, list) and value not in self.values:
            return SchemaFault.NOT_IN_LIST
        return None


@immutable
class UserSchema:
    """The attributes of one user type, by name."""

    attributes: Mapping[str, Attribute]

    def faults_of(self, profile: Mapping[str, Any]) -> Iterator[tuple[str, SchemaFault]]:
        """Yield the faults for which Okta would reject a profile, by attribute."""
        for name, value in profile.items():
            attribute = self.attributes.get(name)
            fault = SchemaFault.UNDEFINED if attribute is None else attribute.fault_of(value)
            if fault is not None:
                yield name, fault
        for name, attribute in self.attributes.items():
            if attribute.required and profile.get(name) in (None, "", []):
                yield name, SchemaFault.MISSING


def read_schema(value: object) -> UserSchema:
    """Parse a user schema. Raises `MalformedAnswer` if it has no attributes."""
    found: dict[str, Attribute] = {}
    for part in ("base", "custom"):
        definition = member(value, "definitions", part)
        properties, required = member(definition, "properties"), member(definition, "required")
        named = frozenset(required) if isinstance(required, list) else frozenset[str]()
        for name, each in properties.items() if isinstance(properties, dict) else ():
            found[name] = _attribute(each, required=name in named)
    if "login" not in found:
        raise MalformedAnswer("Okta's answer is not a user schema")
    return UserSchema(found)


def read_other_types(value: object) -> list[tuple[str, str]]:
    """Return the user types besides the default one: their names, and the paths of their schemas below `/api/v1/`."""
    types = value if isinstance(value, list) else []
    named = [(text_member(each, "name") or "", text_member(each, "_links", "schema", "href") or "") for each in types]
    return [
        (name, href.partition("/api/v1/")[2])
        for (name, href), each in zip(named, types, strict=True)
        if member(each, "default") is not True and "/api/v1/meta/schemas/user/" in href
    ]


def _attribute(value: object, *, required: bool) -> Attribute:
    shortest, longest, values = (member(value, name) for name in ("minLength", "maxLength", "enum"))
    return Attribute(
        type=text_member(value, "type") or "",
        items=text_member(value, "items", "type"),
        required=required or member(value, "required") is True,
        shortest=shortest if isinstance(shortest, int) else None,
        longest=longest if isinstance(longest, int) else None,
        values=tuple(values) if isinstance(values, list) else None,
    )


def _is_of(kind: str | None, value: object) -> bool:
    if kind in ("number", "integer"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (kind == "number" and isinstance(value, float))
    types: dict[str | None, type] = {"string": str, "boolean": bool, "array": list, "object": dict}
    return isinstance(value, types.get(kind, object))
