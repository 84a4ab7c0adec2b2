"""Password verification for the password import hook."""
