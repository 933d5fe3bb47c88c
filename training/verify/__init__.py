"""Find photos that do not belong to a data set, and move them away."""
