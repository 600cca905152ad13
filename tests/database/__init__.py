"""Where the data is, and the units of work on it."""
