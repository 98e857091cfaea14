"""The bilingual semantic parser of the built-in planner: words in, checkable claims out."""

from .kinds import is_kind_of, nearest
from .understand import only_says, statements, understand

__all__ = ["is_kind_of", "nearest", "only_says", "statements", "understand"]
