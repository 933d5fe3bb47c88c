"""How far an export can be believed."""
