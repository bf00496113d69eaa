"""What an operation on the catalogue makes of a product: a record before, a record after."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Literal

from pydantic import ValidationError

from relevance.complaints import complaints, expectations, shortened
from relevance.contracts.catalogue_api import MAX_ID_BYTES, MAX_PRODUCT_BYTES, BatchOperation
from relevance.contracts.products import Product
from relevance.errors import BadRequest

Record = dict[str, Any]
"""A product as it is stored and shown: what `Product.record()` returns."""
Manner = Literal["put", "merge", "merge_if_there", "delete"]

_MANNERS: Mapping[str, Manner] = {
    "addObject": "put",
    "updateObject": "put",
    "partialUpdateObject": "merge",
    "partialUpdateObjectNoCreate": "merge_if_there",
    "deleteObject": "delete",
}
_PRODUCT = expectations(Product)
_OPERATION = expectations(BatchOperation)
_OPERATIONS = "Increment, Decrement, Add, Remove or AddUnique"


@dataclass(frozen=True)
class Change:
    """One operation on one product."""

    manner: Manner
    object_id: str
    fields: Record
    """What was sent; empty for `delete`."""

    @property
    def needs_record(self) -> bool:
        """Whether what it makes depends on what was there."""
        return self.manner in ("merge", "merge_if_there")

    def applied(self, before: Record | None) -> Record | None:
        """The product behind this change; None when there is none.

        Raises:
            BadRequest: If that would be no product: naming the field, the value and what was expected.
        """
        if self.manner == "delete" or (self.manner == "merge_if_there" and before is None):
            return None
        if self.manner == "put":
            return product_record(self.fields)
        merged = dict(before or {})
        for name, value in self.fields.items():
            merged[name] = _operated(name, merged.get(name), value) if _is_operation(value) else value
        return product_record(merged)


def read_operation(given: Any) -> Change:
    """One operation of a batch; raises BadRequest if it is none."""
    if not isinstance(given, dict):
        raise BadRequest(f"{shortened(given)}: expected an object with action and body")
    try:
        operation = BatchOperation.model_validate(given)
    except ValidationError as error:
        raise BadRequest("; ".join(complaints(error, _OPERATION))) from None
    manner = _MANNERS.get(operation.action)
    if manner is None:
        raise BadRequest(f"action is {shortened(operation.action)}, for a whole index: expected {_OPERATION['action']}")
    if operation.action == "addObject" and operation.body.get("objectID") is None:
        return Change("put", (made := id_for(operation.body)), operation.body | {"objectID": made})
    return change(manner, operation.body.get("objectID"), operation.body)


def change(manner: Manner, object_id: Any, fields: Record) -> Change:
    """A change to the product of that id; raises BadRequest if it is no id, or the fields name another."""
    if object_id is None:
        raise BadRequest(f"objectID is missing: expected {_PRODUCT['objectID']}")
    if not (isinstance(object_id, str) and 0 < len(object_id) <= 512 and object_id.strip()):
        raise BadRequest(f"objectID is {shortened(object_id)}: expected {_PRODUCT['objectID']}")
    check_id(object_id)
    if (named := fields.get("objectID", object_id)) != object_id:
        raise BadRequest(f"objectID is {shortened(named)} in the body: expected {shortened(object_id)}")
    return Change(manner, object_id, {} if manner == "delete" else fields | {"objectID": object_id})


def id_for(fields: Record) -> str:
    """An id for a product that came without: 32 hex digits, the same for the same fields, so that to send it again
    adds no second one."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:32]


def product_record(fields: Record) -> Record:
    """A product as it is stored and shown; raises BadRequest naming what is wrong with it, or that it is too large."""
    try:
        record = Product.model_validate(fields, by_alias=True, by_name=False).record()
    except ValidationError as error:
        raise BadRequest("; ".join(complaints(error, _PRODUCT))) from None
    check_size(record)
    return record


def check_id(object_id: str, *, where: str = "") -> None:
    """Raise BadRequest if an id is longer than the catalogue's table takes; `where` stands before the field's name."""
    if len(object_id.encode()) > MAX_ID_BYTES:
        raise BadRequest(f"{where}objectID is {shortened(object_id)}: expected at most {MAX_ID_BYTES:,} bytes in UTF-8")


def check_size(record: Record) -> None:
    """Raise BadRequest if a record, or its id, is larger than the catalogue's table takes."""
    check_id(record["objectID"])
    size_bytes = len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode())
    if size_bytes > MAX_PRODUCT_BYTES:
        raise BadRequest(
            f"the product has {size_bytes:,} bytes as JSON: expected at most {MAX_PRODUCT_BYTES:,}",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )


def shown(record: Record, attributes: Sequence[str]) -> Record:
    """The attributes wanted, `objectID` among them always; `*` stands for all, `-name` leaves one out.

    >>> shown({"objectID": "1", "title": "Mug", "price": 4.0}, ["price"])
    {'objectID': '1', 'price': 4.0}
    """
    wanted = {name for name in attributes if not name.startswith("-")}
    unwanted = {name[1:] for name in attributes if name.startswith("-")}
    return {
        name: value
        for name, value in record.items()
        if name == "objectID"
        or (("*" in wanted or (unwanted and not wanted) or name in wanted) and name not in unwanted)
    }


def _is_operation(value: Any) -> bool:
    return isinstance(value, dict) and "_operation" in value


def _operated(name: str, before: Any, operation: Record) -> Any:
    kind, value = operation["_operation"], operation.get("value")
    if kind in ("Increment", "Decrement"):
        return _sum(name, 0 if before is None else before, value, sign=1 if kind == "Increment" else -1)
    if kind not in ("Add", "Remove", "AddUnique"):
        raise BadRequest(f"{name}._operation is {shortened(kind)}: expected {_OPERATIONS}")
    if not isinstance(before, list | None):
        raise BadRequest(f"{name} is {shortened(before)}: expected a list for {kind} to work on")
    values = list(before or [])
    if kind == "Remove":
        return [one for one in values if one != value]
    return values if kind == "AddUnique" and value in values else [*values, value]


def _sum(name: str, before: Any, value: Any, *, sign: int) -> int | float:
    for what, number in ((name, before), (f"{name}.value", value)):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BadRequest(f"{what} is {shortened(number)}: expected a number to count with")
    if isinstance(before, int) and isinstance(value, int):
        return before + sign * value
    try:
        return float(Decimal(str(before)) + sign * Decimal(str(value)))  # 0.1 + 0.2 is 0.3 where prices are concerned
    except (InvalidOperation, OverflowError):
        raise BadRequest(f"{name}.value is {shortened(value)}: expected a finite number") from None
