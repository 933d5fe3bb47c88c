"""Each claim of speed or quality as a command that prints a table."""
