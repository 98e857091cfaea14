"""What is measured, and the graders. Not installed."""
