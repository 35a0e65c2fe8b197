"""How fast things are, measured side by side."""
