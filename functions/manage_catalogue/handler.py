"""The shop's catalogue: products, settings and synonyms, as Algolia's clients write and read them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api import JSON, authorise, checked, json_list, json_object, json_response, new_api, on
from functions.aws.catalogue_store import CatalogueStore, Record, as_text
from functions.aws.release_store import ReleaseStore, StoreUnavailable
from functions.manage_catalogue.batch import Outcome, apply, carry_out
from functions.manage_catalogue.settings import CatalogueSettings
from functions.metric_catalogue import CATALOGUE_OPERATIONS_REFUSED, CATALOGUE_OPERATIONS_TAKEN
from functions.observability import metrics, record, with_request_id
from functions.routes import (
    ADD_OBJECT,
    CLEAR_SYNONYMS,
    DELETE_OBJECT,
    DELETE_SYNONYM,
    GET_OBJECT,
    GET_OBJECTS,
    GET_SETTINGS,
    GET_SYNONYM,
    GET_TASK,
    SAVE_BATCH,
    SAVE_OBJECT,
    SAVE_SYNONYM,
    SAVE_SYNONYMS,
    SEARCH_SYNONYMS,
    SET_SETTINGS,
    UPDATE_OBJECT,
    Route,
)
from relevance.catalogue_changes import Change, Manner, change, id_for, shown
from relevance.complaints import shortened
from relevance.contracts.catalogue_api import (
    MAX_OPERATIONS,
    BatchRefused,
    BatchRequest,
    BatchResponse,
    Deleted,
    ObjectCreated,
    ObjectsRequest,
    ObjectsResponse,
    ObjectUpdated,
    ObjectView,
    SynonymSearch,
    SynonymsResponse,
    SynonymUpdated,
    TaskResponse,
    Updated,
)
from relevance.contracts.synonyms import MAX_SYNONYMS
from relevance.errors import BadRequest
from relevance.index_settings import changed_settings
from relevance.parameters import from_text
from relevance.synonym_records import found_synonyms, synonym_record

WRITTEN = "Taken into the catalogue; searchable with the next release (make release)."
_SETTINGS = "settings"
_ROUNDS = 5

api = new_api()


@cache
def settings() -> CatalogueSettings:
    """Read once per execution environment."""
    return CatalogueSettings.from_environment()


@on(api, SAVE_BATCH)
def save_batch(index: str) -> Response[str]:
    store = _store(SAVE_BATCH, index)
    outcome = carry_out(checked(BatchRequest, json_object(api)).requests, store)
    record(CATALOGUE_OPERATIONS_TAKEN, len(outcome.taken))
    record(CATALOGUE_OPERATIONS_REFUSED, len(outcome.refused))
    if outcome.store_failed or (outcome.refused and not outcome.taken):
        status = HTTPStatus.SERVICE_UNAVAILABLE if outcome.store_failed else HTTPStatus.BAD_REQUEST
        if outcome.taken:
            store.advance()
        return json_response(BatchRefused(message=_summary(outcome), status=status, errors=outcome.errors), status)
    task_id = store.advance() if outcome.taken else store.version()
    if not outcome.refused:
        return json_response(BatchResponse(task_id=task_id, message=WRITTEN, object_ids=outcome.object_ids))
    answer = BatchResponse(
        task_id=task_id,
        message=f"{_summary(outcome)}. {WRITTEN}",
        object_ids=outcome.object_ids,
        errors=outcome.errors,
    )
    return json_response(answer, HTTPStatus.MULTI_STATUS)


@on(api, ADD_OBJECT)
def add_object(index: str) -> Response[str]:
    store = _store(ADD_OBJECT, index)
    fields = json_object(api)
    if fields.get("objectID") is None:
        fields["objectID"] = id_for(fields)
    wanted = change("put", fields["objectID"], fields)
    task_id = _made(wanted, store)
    return json_response(ObjectCreated(task_id=task_id, message=WRITTEN, created_at=_now(), object_id=wanted.object_id))


@on(api, GET_SETTINGS)
def get_settings(index: str) -> Response[str]:
    stored = _store(GET_SETTINGS, index).read("settings", [_SETTINGS]).get(_SETTINGS)
    return _record_response(stored.record if stored else {})


@on(api, SET_SETTINGS)
def set_settings(index: str) -> Response[str]:
    store = _store(SET_SETTINGS, index)
    given = json_object(api)
    for _ in range(_ROUNDS):
        before = store.read("settings", [_SETTINGS]).get(_SETTINGS)
        after, warnings = changed_settings(before.record if before else {}, given)
        if store.replace("settings", _SETTINGS, after, before):
            return json_response(
                Updated(task_id=store.advance(), message=WRITTEN, updated_at=_now(), warnings=tuple(warnings))
            )
    raise StoreUnavailable("others kept changing the settings at the same moment: send it again later")


@on(api, GET_OBJECT)
def get_object(index: str, object_id: str) -> Response[str]:
    store = _store(GET_OBJECT, index)
    view = checked(ObjectView, from_text(_named_parameters()))
    stored = store.read("product", [unquote(object_id)]).get(unquote(object_id))
    if stored is None:
        raise BadRequest("ObjectID does not exist", status=404)
    return _record_response(shown(stored.record, view.attributes_to_retrieve))


@on(api, SAVE_OBJECT)
def save_object(index: str, object_id: str) -> Response[str]:
    return _object_updated(SAVE_OBJECT, index, "put", object_id)


@on(api, UPDATE_OBJECT)
def update_object(index: str, object_id: str) -> Response[str]:
    manner: Manner = "merge" if _yes_or_no("createIfNotExists", default=True) else "merge_if_there"
    return _object_updated(UPDATE_OBJECT, index, manner, object_id)


@on(api, DELETE_OBJECT)
def delete_object(index: str, object_id: str) -> Response[str]:
    store = _store(DELETE_OBJECT, index)
    task_id = _made(change("delete", unquote(object_id), {}), store)
    return json_response(Deleted(task_id=task_id, message=WRITTEN, deleted_at=_now()))


@on(api, GET_OBJECTS)
def get_objects(index: str) -> Response[str]:
    authorise(api, settings(), GET_OBJECTS)
    if index != "*":
        raise BadRequest(f"the index in the path is {shortened(index)}: expected *", status=404)
    wanted = checked(ObjectsRequest, json_object(api)).requests
    for one in wanted:
        _require_index(one.index_name)
    found = _catalogue().read("product", [one.object_id for one in wanted if one.object_id])
    results = [
        shown(found[one.object_id].record, one.attributes_to_retrieve) if one.object_id in found else None
        for one in wanted
    ]
    return json_response(ObjectsResponse(results=results))


@on(api, GET_SYNONYM)
def get_synonym(index: str, object_id: str) -> Response[str]:
    stored = _store(GET_SYNONYM, index).read("synonym", [unquote(object_id)]).get(unquote(object_id))
    if stored is None:
        raise BadRequest("Synonym set does not exist", status=404)
    return _record_response(stored.record)


@on(api, SAVE_SYNONYM)
def save_synonym(index: str, object_id: str) -> Response[str]:
    store = _store(SAVE_SYNONYM, index)
    record = synonym_record(json_object(api), object_id=unquote(object_id))
    task_id = _write_synonyms(store, {record["objectID"]: record}, replace_all=False)
    return json_response(SynonymUpdated(task_id=task_id, message=WRITTEN, updated_at=_now(), id=record["objectID"]))


@on(api, DELETE_SYNONYM)
def delete_synonym(index: str, object_id: str) -> Response[str]:
    store = _store(DELETE_SYNONYM, index)
    _require_written(store.write("synonym", {unquote(object_id): None}))
    return json_response(Deleted(task_id=store.advance(), message=WRITTEN, deleted_at=_now()))


@on(api, SAVE_SYNONYMS)
def save_synonyms(index: str) -> Response[str]:
    store = _store(SAVE_SYNONYMS, index)
    given = json_list(api)
    if len(given) > MAX_OPERATIONS:
        raise BadRequest(f"the body is a list of {len(given):,}: expected at most {MAX_OPERATIONS:,} synonyms")
    records = [synonym_record(one, where=f"[{place}].") for place, one in enumerate(given)]
    replace_all = _yes_or_no("replaceExistingSynonyms", default=False)
    task_id = _write_synonyms(store, {record["objectID"]: record for record in records}, replace_all=replace_all)
    return json_response(Updated(task_id=task_id, message=WRITTEN, updated_at=_now()))


@on(api, SEARCH_SYNONYMS)
def search_synonyms(index: str) -> Response[str]:
    store = _store(SEARCH_SYNONYMS, index)
    asked = checked(SynonymSearch, json_object(api))
    found = found_synonyms(list(store.read_all("synonym").values()), asked.query, asked.type)
    begin = asked.page * asked.hits_per_page
    return json_response(SynonymsResponse(hits=found[begin : begin + asked.hits_per_page], nb_hits=len(found)))


@on(api, CLEAR_SYNONYMS)
def clear_synonyms(index: str) -> Response[str]:
    task_id = _write_synonyms(_store(CLEAR_SYNONYMS, index), {}, replace_all=True)
    return json_response(Updated(task_id=task_id, message=WRITTEN, updated_at=_now()))


@on(api, GET_TASK)
def get_task(index: str, task_id: str) -> Response[str]:
    store = _store(GET_TASK, index)
    if not (task_id.isdecimal() and task_id.isascii() and len(task_id) <= 18):
        raise BadRequest(f"taskID is {shortened(task_id)}: expected a whole number, as a write answered it")
    if not 0 < int(task_id) <= store.version():
        raise BadRequest(f"there is no task {task_id}", status=404)
    if int(task_id) <= _live_version():
        return json_response(TaskResponse(status="published"))
    return json_response(TaskResponse(status="notPublished", pending_task=True, message=WRITTEN))


@with_request_id
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # An id may hold any character; the resolver's routes know letters and digits. `%` comes as %25 already.
    return api.resolve(event | {"rawPath": quote(event["rawPath"], safe="/%*")}, context)


def _store(route: Route, index: str) -> CatalogueStore:
    """The catalogue of an index, for a caller who may use the route."""
    authorise(api, settings(), route)
    _require_index(index)
    return _catalogue()


def _catalogue() -> CatalogueStore:
    known = settings()
    return CatalogueStore(known.catalogue_table, known.index_name, known.table_patience_seconds)


def _require_index(index: str) -> None:
    if index != settings().index_name:
        raise BadRequest(f"Index {index} does not exist: expected {settings().index_name}", status=404)


def _object_updated(route: Route, index: str, manner: Manner, object_id: str) -> Response[str]:
    store = _store(route, index)
    wanted = change(manner, unquote(object_id), json_object(api))
    task_id = _made(wanted, store)
    return json_response(ObjectUpdated(task_id=task_id, message=WRITTEN, updated_at=_now(), object_id=wanted.object_id))


def _made(wanted: Change, store: CatalogueStore) -> int:
    """Carry out one change; returns its task."""
    outcome = Outcome()
    apply({wanted.object_id: [(0, wanted)]}, store, outcome)
    if outcome.store_failed:
        raise StoreUnavailable(outcome.errors[0].message)
    if outcome.refused:
        raise BadRequest(outcome.errors[0].message, status=outcome.errors[0].status)
    return store.advance()


def _write_synonyms(store: CatalogueStore, records: Mapping[str, Record], *, replace_all: bool) -> int:
    there = store.read_all("synonym").keys()
    if len(records if replace_all else there | records.keys()) > MAX_SYNONYMS:
        raise BadRequest(f"the index has {len(there):,} synonyms: expected at most {MAX_SYNONYMS:,} with those sent")
    removed: dict[str, Record | None] = dict.fromkeys(there - records.keys()) if replace_all else {}
    _require_written(store.write("synonym", {**removed, **records}))
    return store.advance()


def _require_written(failed: Mapping[str, str]) -> None:
    if failed:
        raise StoreUnavailable(f"{len(failed)} of them were not written ({next(iter(failed.values()))}): send it again")


def _live_version() -> int:
    """The catalogue's version in the live release; 0 where that was built from a file, or there is none."""
    known = settings()
    releases = ReleaseStore(known.release_bucket, known.pointer_table, known.index_name, Path(known.release_folder))
    pointer = releases.pointer()
    return _version_in(releases, pointer.live) if pointer else 0


@lru_cache(maxsize=8)
def _version_in(releases: ReleaseStore, release_id: str) -> int:
    """A release never changes."""
    return releases.manifest(release_id).catalogue_version or 0


def _yes_or_no(name: str, *, default: bool) -> bool:
    written = (api.current_event.query_string_parameters or {}).get(name)
    if written not in (None, "true", "false"):
        raise BadRequest(f"{name} is {shortened(written)}: expected true or false")
    return default if written is None else written == "true"


def _named_parameters() -> dict[str, str]:
    written = api.current_event.query_string_parameters or {}
    return {name: value for name, value in written.items() if not name.lower().startswith("x-")}


def _summary(outcome: Outcome) -> str:
    said = f"{len(outcome.refused)} of {len(outcome.refused) + len(outcome.taken)} operations were not taken"
    return f"{said}; the first: {outcome.errors[0].message}"


def _record_response(record: Record) -> Response[str]:
    return Response(HTTPStatus.OK, JSON, as_text(record))


def _now() -> datetime:
    return datetime.now(UTC)
