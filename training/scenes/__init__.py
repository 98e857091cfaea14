"""Scenes drawn by the project itself, with exact ground truth: what the built-in models learn from."""
