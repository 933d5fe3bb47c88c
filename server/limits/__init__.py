"""Limits on requests: size, number, time and memory, each with an error message for its sender."""
