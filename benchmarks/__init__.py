"""Each claim of speed or quality as a command that prints a table."""
from classifier import quiet  # noqa: F401
