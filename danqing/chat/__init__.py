"""The chat: a prompt in the terminal, or lines from a pipe.

`typed` tells what a line is, `conversation` carries it out on a session, `commands` are those with
a slash. What comes of it is shown by `screen` to people and by `stream` to programs.
"""
