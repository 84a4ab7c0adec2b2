"""Okta's HTTP API, as far as a migration needs it. Handlers over the org's state."""
