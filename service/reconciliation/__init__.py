"""Reconciliation of the store with Okta's System Log and users."""
