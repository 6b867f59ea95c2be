"""What `events/generate.py` writes: the known-answer cases, and whole Lambda events."""
