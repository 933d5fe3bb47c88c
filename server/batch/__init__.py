"""The page that answers a folder of photos, /many."""
