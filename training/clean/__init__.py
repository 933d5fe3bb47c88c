"""Clean photos with the help of the trained model, on a page."""
