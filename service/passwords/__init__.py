"""Password hashes of legacy stores: one module a format. Knows hashes and passwords; knows no account, no database, no HTTP."""
