"""Operations on products, in order, each taken or refused by itself."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from functions.aws.catalogue_store import CatalogueStore, Stored
from functions.aws.release_store import StoreUnavailable
from relevance.catalogue_changes import Change, Record, read_operation
from relevance.contracts.catalogue_api import RefusedOperation
from relevance.errors import BadRequest

_PARALLEL = 8
_ROUNDS = 5
"""How often a change that depends on what was there is made anew, because somebody else was quicker."""


@dataclass
class Outcome:
    """What became of the operations of a batch."""

    taken: dict[int, str] = field(default_factory=dict)
    """By place in the batch: the objectID."""
    refused: dict[int, RefusedOperation] = field(default_factory=dict)

    def take(self, place: int, object_id: str) -> None:
        """An operation that was taken."""
        self.refused.pop(place, None)
        self.taken[place] = object_id

    def refuse(self, place: int, object_id: str | None, message: str, status: int) -> None:
        """An operation that was not taken after all."""
        self.taken.pop(place, None)
        self.refused[place] = RefusedOperation(index=place, object_id=object_id, message=message, status=status)

    @property
    def errors(self) -> tuple[RefusedOperation, ...]:
        """The refused operations, in their order."""
        return tuple(self.refused[place] for place in sorted(self.refused))

    @property
    def object_ids(self) -> tuple[str, ...]:
        """Of the operations taken, in their order."""
        return tuple(self.taken[place] for place in sorted(self.taken))

    @property
    def store_failed(self) -> bool:
        """Whether sending the batch again may help."""
        return any(error.status == HTTPStatus.SERVICE_UNAVAILABLE for error in self.refused.values())


def carry_out(requests: Sequence[Any], store: CatalogueStore) -> Outcome:
    """Read the operations of a batch, apply them in their order and write what they come to.

    Raises:
        StoreUnavailable: If products that some operation depends on cannot be read; nothing is written then.
    """
    outcome = Outcome()
    changes: dict[str, list[tuple[int, Change]]] = {}
    for place, given in enumerate(requests):
        try:
            change = read_operation(given)
        except BadRequest as error:
            outcome.refuse(place, _named(given), str(error), error.status)
        else:
            changes.setdefault(change.object_id, []).append((place, change))
    apply(changes, store, outcome)
    return outcome


def apply(changes: Mapping[str, Sequence[tuple[int, Change]]], store: CatalogueStore, outcome: Outcome) -> None:
    """Apply changes by objectID, each with its place in the batch, and tell the outcome of each.

    Changes that start from what is there are written only if that is still so, and made anew if not.
    """
    dependent = [object_id for object_id, steps in changes.items() if any(change.needs_record for _, change in steps)]
    independent: dict[str, Record | None] = {}
    for object_id in changes.keys() - set(dependent):
        after, any_taken = _result(changes[object_id], None, outcome)
        if any_taken:
            independent[object_id] = after
    before = store.read("product", dependent)
    for object_id, reason in store.write("product", independent).items():
        _refuse_all(changes[object_id], outcome, reason)

    def make(object_id: str) -> None:
        try:
            _make_until_unopposed(changes[object_id], before.get(object_id), store, outcome)
        except StoreUnavailable as error:
            _refuse_all(changes[object_id], outcome, str(error))

    with ThreadPoolExecutor(_PARALLEL) as pool:
        list(pool.map(make, dependent))


def _make_until_unopposed(
    steps: Sequence[tuple[int, Change]], before: Stored | None, store: CatalogueStore, outcome: Outcome
) -> None:
    object_id = steps[0][1].object_id
    for _ in range(_ROUNDS):
        record = before.record if before else None
        after, any_taken = _result(steps, record, outcome)
        if not any_taken or after == record or store.replace("product", object_id, after, before):
            return
        before = store.read("product", [object_id]).get(object_id)
    _refuse_all(steps, outcome, "others kept changing the product at the same moment: send it again later")


def _result(steps: Sequence[tuple[int, Change]], before: Record | None, outcome: Outcome) -> tuple[Record | None, bool]:
    """The product behind all the steps that can be taken, and whether any could."""
    record, any_taken = before, False
    for place, change in steps:
        try:
            record, any_taken = change.applied(record), True
            outcome.take(place, change.object_id)
        except BadRequest as error:
            outcome.refuse(place, change.object_id, str(error), error.status)
    return record, any_taken


def _refuse_all(steps: Sequence[tuple[int, Change]], outcome: Outcome, reason: str) -> None:
    for place, change in steps:
        if place in outcome.taken:
            outcome.refuse(place, change.object_id, reason, HTTPStatus.SERVICE_UNAVAILABLE)


def _named(given: Any) -> str | None:
    body = given.get("body") if isinstance(given, dict) else None
    object_id = body.get("objectID") if isinstance(body, dict) else None
    return object_id if isinstance(object_id, str) else None
