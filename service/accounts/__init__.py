"""The store of accounts in PostgreSQL: the only place with SQL. Knows no HTTP, no Okta words, and checks no password."""
