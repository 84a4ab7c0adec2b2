"""The parts of Okta's HTTP API that a migration uses. Handlers over the org's state."""
