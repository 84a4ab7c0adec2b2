"""Password hashes of legacy stores: one module per format."""
