"""Move photos and change their labels so that each change can be undone: its plan, its state, and the journal."""
