"""Train a candidate for the model in use where there is a reason to, and propose it to a person."""
