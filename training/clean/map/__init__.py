"""The map of all photos in the cleaner: photos that look alike lie near each other."""
