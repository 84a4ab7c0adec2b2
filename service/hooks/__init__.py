"""Okta's hooks: registration, checks, rotation of the shared secret."""
