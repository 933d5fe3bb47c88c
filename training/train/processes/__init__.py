"""Several processes of one training: which one this is, and what the others do for the first."""
