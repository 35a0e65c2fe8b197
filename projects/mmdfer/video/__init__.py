"""A user's own videos: people, windows, streaming, results, annotated video, page."""
