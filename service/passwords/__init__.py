"""Password hashes of legacy stores: one module a format. Knows hashes and passwords; no account, no database, no HTTP."""
