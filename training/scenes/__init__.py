"""Scenes that the project draws itself, with exact ground truth, for its models to learn from."""
