"""What the app meets on the web, and what became of it."""
