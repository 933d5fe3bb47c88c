"""Gather photos: from a web image search, from lists of addresses, from folders, and from what users sent."""
