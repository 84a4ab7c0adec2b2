"""The HTTP server: reads requests, calls the features, writes responses."""
