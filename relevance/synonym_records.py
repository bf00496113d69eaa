"""Synonyms as callers send them."""

from typing import Any

from pydantic import ValidationError

from relevance.catalogue_changes import check_id
from relevance.complaints import complaints, expectations, shortened
from relevance.contracts.synonyms import SYNONYM_KINDS
from relevance.errors import BadRequest

_KINDS = "synonym, oneWaySynonym, altCorrection1, altCorrection2 or placeholder"


def synonym_record(given: Any, *, object_id: str | None = None, where: str = "") -> dict[str, Any]:
    """A synonym as it is stored and shown.

    Args:
        given: A JSON value.
        object_id: What the address names it; None where only the synonym itself says.
        where: What to put before a field's name in a message, such as "[3].".

    Raises:
        BadRequest: Naming the fields that are unknown or have a bad value, and what was expected.
    """
    if not isinstance(given, dict):
        raise BadRequest(f"{where.removesuffix('.')} is {shortened(given)}: expected a synonym, an object")
    named = given.get("objectID", object_id)
    if object_id is not None and named != object_id:
        raise BadRequest(f"{where}objectID is {shortened(named)} in the body: expected {shortened(object_id)}")
    written = given.get("type")
    kind = SYNONYM_KINDS.get(written.lower()) if isinstance(written, str) else None
    if kind is None:
        raise BadRequest(f"{where}type is {shortened(written)}: expected {_KINDS}")
    try:
        synonym = kind.model_validate(given | ({} if object_id is None else {"objectID": object_id}), by_name=False)
    except ValidationError as error:
        raise BadRequest("; ".join(f"{where}{said}" for said in complaints(error, expectations(kind)))) from None
    check_id(synonym.object_id, where=where)
    return synonym.model_dump(mode="json", by_alias=True)


def found_synonyms(records: list[dict[str, Any]], query: str, kind: str | None) -> list[dict[str, Any]]:
    """The synonyms of a kind (None: of any) that hold the query anywhere in their words, in any case.

    Raises:
        BadRequest: If there is no such kind.
    """
    if kind is not None and kind.lower() not in SYNONYM_KINDS:
        raise BadRequest(f"type is {shortened(kind)}: expected {_KINDS}")
    wanted = query.casefold().strip()
    return [
        record
        for record in records
        if (kind is None or record["type"].lower() == kind.lower())
        and any(wanted in phrase.casefold() for phrase in _phrases(record))
    ]


def _phrases(record: dict[str, Any]) -> list[str]:
    texts: list[str] = []
    for name, value in record.items():
        if name != "type":
            texts.extend(value if isinstance(value, list) else [value])
    return texts
