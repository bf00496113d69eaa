"""Where a query's vector came from, and what a search had to do without: what every answer says of itself."""

from typing import Literal

Rung = Literal["cache", "endpoint", "lambda", "lexical"]
"""Where the query's vector came from: the large model's own of a frequent query, kept in the release; the large model
on its endpoint; the student encoder in the function; or nowhere."""

Degradation = Literal["endpoint", "vector", "ranker", "preprocess_query", "rerank"]
"""What a search had to do without: the answer of an endpoint that the stage has, a query vector, the ranker, or one of
the two functions (computed here instead)."""
