"""The status page on the admin port: recorded figures, their view, its HTML, and the search for one account."""
