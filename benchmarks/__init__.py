"""Each claim of speed or quality as a command that prints a table."""

from classifier import telemetry as quiet  # noqa: F401
