"""What the catalogue's routes take and answer, by Algolia's names."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from relevance.contracts.wire import WireModel, WireRequest

MAX_OPERATIONS = 1000
"""In one batch, of products or of synonyms; and products in one reading of several."""
MAX_PRODUCT_BYTES = 350_000
"""A product as JSON in UTF-8: the table takes 400 KB with the names around it."""
MAX_ID_BYTES = 1024
"""An objectID in UTF-8: what the table takes as a key."""

Action = Literal[
    "addObject", "updateObject", "partialUpdateObject", "partialUpdateObjectNoCreate", "deleteObject", "delete", "clear"
]


class GivenProduct(WireModel):
    """Any fields of a product, objectID among them or not."""

    model_config = ConfigDict(extra="allow")


class BatchRequest(WireRequest):
    """`POST /1/indexes/{index}/batch`; each operation is checked by itself, so that one bad one costs only itself."""

    requests: list[Any] = Field(
        max_length=MAX_OPERATIONS, description=f"a list of at most {MAX_OPERATIONS:,} operations"
    )


class BatchOperation(WireRequest):
    """One operation of a batch."""

    action: Action = Field(
        description="addObject, updateObject, partialUpdateObject, partialUpdateObjectNoCreate or deleteObject"
    )
    body: dict[str, Any] = Field(description="an object")


class ObjectView(WireRequest):
    """`GET /1/indexes/{index}/{object_id}`, in the address."""

    attributes_to_retrieve: list[str] = Field(
        default=["*"], max_length=1000, description="a list of attribute names, or ['*']"
    )


class ObjectRequest(WireRequest):
    """One product to be read."""

    index_name: str = Field(description="the name of an index")
    object_id: str = Field(alias="objectID", description="text")
    attributes_to_retrieve: list[str] = Field(
        default=["*"], max_length=1000, description="a list of attribute names, or ['*']"
    )


class ObjectsRequest(WireRequest):
    """`POST /1/indexes/*/objects`."""

    requests: list[ObjectRequest] = Field(
        max_length=MAX_OPERATIONS, description=f"a list of at most {MAX_OPERATIONS:,} indexName, objectID pairs"
    )


class SynonymSearch(WireRequest):
    """`POST /1/indexes/{index}/synonyms/search`."""

    query: str = Field(default="", description="text")
    type: str | None = Field(default=None, description='a kind of synonym, such as "oneWaySynonym"')
    page: int = Field(default=0, ge=0, le=10**6, description="a whole number from 0")
    hits_per_page: int = Field(default=100, ge=1, le=1000, description="a whole number from 1 to 1000")


class _Written(WireModel):
    """What every answer to a write says."""

    task_id: int = Field(alias="taskID")
    """The version of the catalogue that holds this write; grows with each."""
    message: str
    """When the change will be searchable."""


class ObjectCreated(_Written):
    """A product was added."""

    created_at: datetime
    object_id: str = Field(alias="objectID")


class ObjectUpdated(_Written):
    """A product was replaced, or part of it."""

    updated_at: datetime
    object_id: str = Field(alias="objectID")


class Updated(_Written):
    """Settings or synonyms were written."""

    updated_at: datetime
    warnings: tuple[str, ...] = ()


class SynonymUpdated(Updated):
    """One synonym was written."""

    id: str


class Deleted(_Written):
    """A product or a synonym is not there any more."""

    deleted_at: datetime


class RefusedOperation(WireModel):
    """An operation of a batch that was not taken."""

    index: int
    """Its place in the batch, from 0."""
    object_id: str | None = Field(alias="objectID")
    message: str
    status: int
    """What the operation alone would have been answered: 400, 404, or 503 where sending it again may help."""


class BatchResponse(_Written):
    """What became of a batch."""

    object_ids: tuple[str, ...] = Field(alias="objectIDs")
    """Of the operations that were taken, in their order."""
    errors: tuple[RefusedOperation, ...] | None = None
    """The others; None when there are none."""


class BatchRefused(WireModel):
    """No operation of a batch was taken."""

    message: str
    status: int
    errors: tuple[RefusedOperation, ...]


class ObjectsResponse(WireModel):
    """Products in the order asked; null for one that is not there."""

    results: list[dict[str, Any] | None]
    message: str | None = None


class SynonymsResponse(WireModel):
    """One page of synonyms."""

    hits: list[dict[str, Any]]
    nb_hits: int


class TaskResponse(WireModel):
    """Whether a write is searchable."""

    status: Literal["published", "notPublished"]
    pending_task: bool = False
    message: str | None = None
