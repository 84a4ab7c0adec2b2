"""The store of accounts in PostgreSQL: the only place with SQL. Knows no HTTP and no Okta, and checks no password."""
