"""Diagnosis: the recipe of a stored hash, found from one known password."""

from service.hashing.diagnosis.case import Budget, Candidate, Case, Finding, OutOfTime, confirm
from service.hashing.diagnosis.search import diagnose

__all__ = ["Budget", "Candidate", "Case", "Finding", "OutOfTime", "confirm", "diagnose"]
