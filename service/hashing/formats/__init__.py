"""Hash formats, one module a family."""
