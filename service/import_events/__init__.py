"""Import events of Okta: what each means for an account, and its record."""
