"""One measurement a module: `rows(setting)` gives its rows of the table."""
