"""The formula language for custom hashes.

A formula is parsed once into a closed set of operations and then applied to rows. The notation: docs/formulas.md.
"""

from service.hashing.formula.check import FormulaCheck, check_row, fits, formula_check, formula_dummy_hash
from service.hashing.formula.lexer import MalformedFormula
from service.hashing.formula.parse import Formula, parse_formula

__all__ = [
    "Formula",
    "FormulaCheck",
    "MalformedFormula",
    "check_row",
    "fits",
    "formula_check",
    "formula_dummy_hash",
    "parse_formula",
]
