"""The rules of self-service registration: read from TOML, or written in Python. Pure; the store is asked elsewhere.

A policy in code needs from here `ScreeningRequest`, `Kind`, `Allow`, `Deny` and `Cause`.
"""

from service.okta.registration import Allow, Cause, Decision, Deny, Engine, Kind, ScreeningRequest

__all__ = ["Allow", "Cause", "Decision", "Deny", "Engine", "Kind", "ScreeningRequest"]
