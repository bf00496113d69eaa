"""What the page of the API shows for each route; a test sends every one and expects it to be answered."""

from dataclasses import dataclass
from typing import Any

from functions.routes import (
    ADD_OBJECT,
    ANALYZE,
    GET_OBJECT,
    GET_OBJECTS,
    RERANK,
    SAVE_BATCH,
    SAVE_OBJECT,
    SAVE_SYNONYM,
    SAVE_SYNONYMS,
    SEARCH,
    SEARCH_BY_ADDRESS,
    SEARCH_FACET,
    SEARCH_SEVERAL,
    SEARCH_SYNONYMS,
    SET_SETTINGS,
    UPDATE_OBJECT,
    Route,
)


@dataclass(frozen=True)
class InPath:
    """A `{name}` in paths."""

    meaning: str
    example: str | int


IN_PATH = {
    "index": InPath("the name of an index", "products"),
    "facet": InPath("the name of a facet", "brand"),
    "object_id": InPath("the objectID of a product, or of a synonym", "lamp-1"),
    "task_id": InPath("the taskID that a write was answered with", 1),
}
"""Every `{name}` that paths have."""

_LAMP = {"title": "Desk lamp with dimmer", "brand": "Tuff", "price": 34.0, "currency": "EUR"}
_SYNONYM = {"objectID": "lamp-1", "type": "synonym", "synonyms": ["lamp", "light"]}

_EXAMPLES: dict[Route, Any] = {
    SEARCH: {
        "query": "wireless mouse",
        "hitsPerPage": 5,
        "filters": "price < 100 AND NOT brand:Tuff",
        "facets": ["brand", "price"],
        "attributesToRetrieve": ["title", "price"],
    },
    SEARCH_BY_ADDRESS: {"query": "wireless mouse", "hitsPerPage": 5, "facets": ["brand", "price"]},
    SEARCH_SEVERAL: {
        "requests": [
            {"indexName": "products", "query": "desk lamp", "hitsPerPage": 3},
            {"indexName": "products", "type": "facet", "facet": "brand", "facetQuery": "so"},
        ]
    },
    SEARCH_FACET: {"facetQuery": "so", "filters": "price < 100"},
    ANALYZE: {"query": "quill wireless muose"},
    RERANK: {
        "query": "desk lamp",
        "candidates": [
            {"objectID": "a", "title": "Floor lamp"},
            {"objectID": "b", "title": "Lamp for the desk, dimmable", "price": 34.0},
        ],
    },
    SAVE_BATCH: {
        "requests": [
            {"action": "addObject", "body": {"objectID": "lamp-2"} | _LAMP},
            {"action": "deleteObject", "body": {"objectID": "lamp-3"}},
        ]
    },
    ADD_OBJECT: _LAMP,
    SET_SETTINGS: {"attributesForFaceting": ["brand", "price"], "customRanking": ["desc(rating)"]},
    GET_OBJECT: {"attributesToRetrieve": ["title", "price"]},
    SAVE_OBJECT: _LAMP,
    UPDATE_OBJECT: {"price": 29.5},
    GET_OBJECTS: {"requests": [{"indexName": "products", "objectID": "lamp-1"}]},
    SAVE_SYNONYM: _SYNONYM,
    SAVE_SYNONYMS: [_SYNONYM],
    SEARCH_SYNONYMS: {"query": "lamp"},
}


def example_of(route: Route) -> Any:
    """A body that the route answers with 200, or for GET its parameters; None where it takes neither."""
    return _EXAMPLES.get(route)
