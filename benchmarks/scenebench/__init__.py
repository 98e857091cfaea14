"""SceneBench: is the agent's loop worth it?

Requests compiled from specs go through several arms, a single picture, the best of as many as the
loop draws, the loop, and graders that share nothing with the product say what is in the pictures.
"""
