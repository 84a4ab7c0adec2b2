"""Reads what legacy systems export: CSV, JSON Lines, LDIF, a PostgreSQL.

Every reader gives rows with the place they stand at; what can't be read is a row too, with its fault, never lost.
"""
