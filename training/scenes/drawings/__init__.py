"""How each object is drawn, one file a category of the world."""
