"""Watch what the app answers over time, and report when it drifts away from the training."""
