"""What the service does, one verb a file. The web handlers and the commands call the same ones."""
