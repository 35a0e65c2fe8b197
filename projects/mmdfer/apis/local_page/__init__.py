"""A page on one's own machine: a video in, its people over time out, nothing kept."""
