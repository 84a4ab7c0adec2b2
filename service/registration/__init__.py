"""The rules of self-service registration: read from TOML, or written in Python.

A policy in code needs from here `ScreeningRequest`, `Kind`, `Allow`, `Deny` and `Cause`; for the legacy store
`LegacyAccounts` and `LegacyProfile`, and for comparing domains `domain_of`, `comparable` and `is_within`.
"""

from service.okta.registration import Allow, Cause, Decision, Deny, Engine, Kind, ScreeningRequest
from service.registration.code_policy import LegacyAccounts
from service.registration.queries import LegacyProfile
from service.registration.values import comparable, domain_of, is_within

__all__ = [
    "Allow",
    "Cause",
    "Decision",
    "Deny",
    "Engine",
    "Kind",
    "LegacyAccounts",
    "LegacyProfile",
    "ScreeningRequest",
    "comparable",
    "domain_of",
    "is_within",
]
