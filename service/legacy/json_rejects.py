"""Refused rows of JSON Lines or of a query, written so that they can be corrected and loaded again. Judges none."""

import json
from typing import Any, TextIO

from service.legacy import strict_json
from service.legacy.rows import FaultyRow, Row

NOTES = ("line", "reason")
"""The keys that the rejects file adds to each row, and that are passed over when it is loaded."""


class JsonRejects:
    """Refused rows as JSON Lines, with line and reason as their first members."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: Row | FaultyRow, reason: str) -> None:
        """Write one row; what is no JSON object, or not one alone, is kept as text in the member `unreadable`."""
        notes: dict[str, object] = {"line": row.line, "reason": reason}
        found = row.raw if isinstance(row.raw, dict) else _parsed(row.raw)
        own = {"unreadable": row.raw} if found is None else {k: v for k, v in found.items() if k not in NOTES}
        self._file.write(json.dumps(notes | own, ensure_ascii=True, default=str) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _parsed(raw: object) -> dict[str, Any] | None:
    try:
        found = json.loads(str(raw), object_pairs_hook=strict_json.each_key_once)
        json.dumps(found)  # takes more depth than reading does
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
