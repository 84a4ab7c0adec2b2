"""Readers of exports from legacy systems: CSV, JSON Lines, LDIF, and a PostgreSQL query.

Every reader yields rows with their position; an unreadable row is yielded with its fault and never lost.
"""
