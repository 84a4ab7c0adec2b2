"""Interleaved bcrypt: up to four checks at once in one thread, by an optional C extension."""
