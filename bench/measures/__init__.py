"""One measurement per module: `rows(setting)` yields its rows of the table."""
