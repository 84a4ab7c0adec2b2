"""Hash formats, one module per family."""
