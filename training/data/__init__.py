"""Photos as they lie on the disk: find them, sort them by split, find duplicates, and load them for training."""
