"""The rules, as pure functions: what is decided. They know no I/O; the actions do what they say."""
