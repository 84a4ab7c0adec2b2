"""Putting many accounts into the store at once: a staging table, COPY, and merges of whole sets. Judges no row."""
