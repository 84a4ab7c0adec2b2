"""The store of accounts in PostgreSQL: the only place with SQL."""
