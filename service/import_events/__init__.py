"""Okta's import events: their effects on accounts, and their record."""
