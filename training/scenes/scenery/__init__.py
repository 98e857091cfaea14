"""What the backdrop is made of: its colors, its brush, and a module for each setting."""
