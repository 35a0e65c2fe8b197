"""A paper's table or figure run whole: its plan, what it costs, its runs, and what they gave."""
