"""Authentication of callers: shared secrets, bearer tokens, the issuer's keys."""
