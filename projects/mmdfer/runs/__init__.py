"""What a run leaves: its folder, comparison, report, published figures."""
