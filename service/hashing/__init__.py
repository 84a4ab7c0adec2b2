"""Password hashes of legacy stores: one module a format."""
