"""The operator's commands over accounts: lists, deletion, progress, stragglers, keys."""
