"""Train a classifier: features of a frozen network, a linear probe, and fine-tuning where that proves better."""
