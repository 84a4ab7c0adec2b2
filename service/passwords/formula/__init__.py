"""The formula language for home-made hashes. Knows formulas and stored rows; knows no account.

A formula is parsed once into a closed set of operations and then applied to rows. The notation: docs/formulas.md.
"""

from service.passwords.formula.check import check_row, formula_check, formula_dummy_hash
from service.passwords.formula.checks import FormulaCheck
from service.passwords.formula.expected import fits
from service.passwords.formula.faults import MalformedFormula
from service.passwords.formula.formula import Formula, parse_formula

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
