"""Password hashes of legacy stores: one module a format. Knows hashes and passwords; no account, database or HTTP."""
