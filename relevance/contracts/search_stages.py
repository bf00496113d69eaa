"""What a search goes through: the names by which its stages are timed."""

from typing import Literal

SearchStage = Literal["understand", "retrieve", "rerank", "assemble"]
"""In this order."""
