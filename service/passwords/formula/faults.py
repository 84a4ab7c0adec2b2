"""Faults of a formula, with the place they are at. Knows no operation."""

from service.passwords.format import MalformedHash


class MalformedFormula(MalformedHash):
    """The formula cannot be read."""

    def __init__(self, fault: str, text: str, position: int) -> None:
        """`position` counts characters from 0; the message counts from 1 and draws a caret under the place."""
        super().__init__(f"{fault}, at position {position + 1} of the formula\n  {text}\n  {' ' * position}^")
        self.fault = fault
        self.position = position
        self._text = text

    def __reduce__(self) -> tuple[type["MalformedFormula"], tuple[str, str, int]]:
        """Rebuild from the three parts: an exception pickles by its message otherwise, and crosses a process broken."""
        return type(self), (self.fault, self._text, self.position)
