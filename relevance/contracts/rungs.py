"""Where a query's vector came from, and what a search had to do without: what every answer says of itself."""

from typing import Literal

Rung = Literal["lambda", "lexical"]
"""Where the query's vector came from: the student encoder in the function, or nowhere."""

Degradation = Literal["vector", "ranker", "preprocess_query", "rerank"]
"""What a search had to do without: a query vector, the ranker, or one of the two functions (computed here instead)."""
