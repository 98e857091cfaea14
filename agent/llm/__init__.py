"""A planner that asks a language model: how it is reached, what it is told, what is taken from it.

`address` says which one, `local` is one on this machine, `reach` asks it patiently, `door` reads
what it wrote, `exchange` asks again where that cannot be taken, and `planner` makes Briefs and
plans of the rest.
"""
