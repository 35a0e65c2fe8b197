"""What is done to a set before training: check, pack, faces, captions."""
