"""The shop's catalogue in DynamoDB: products, settings, synonyms, and a version that grows with every write.

One table. Products are spread over 256 partitions by a hash of their id, so that an import meets no hot one; each is
stored as the text of one JSON object. The version is counted up *behind* a write and read *before* an export: an export
of version n holds all that was written by whoever was told n or less.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.clients import dynamodb_once
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.catalogue_api import MAX_ID_BYTES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

Kind = Literal["product", "synonym", "settings"]
Record = dict[str, Any]
"""A JSON object."""
Key = dict[str, dict[str, str]]
Answer = TypeVar("Answer")
Entry = TypeVar("Entry")

_PARALLEL = 8
_WRITES_PER_CALL, _READS_PER_CALL = 25, 100
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0
_MAY_PASS = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
"""What DynamoDB says of a request, with status 400, that may be taken a moment later."""


@dataclass(frozen=True)
class Stored:
    """A record as it was read."""

    record: Record
    revision: str
    """Hash of its text: what `replace` compares."""


@dataclass(frozen=True)
class CatalogueStore:
    """One index's part of the table. Methods raise StoreUnavailable when the table does not answer in time."""

    table: str
    index_name: str
    patience_seconds: float
    """How long one call is tried for, with jittered pauses between the attempts."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def version(self) -> int:
        """How often the catalogue was written; 0 before the first time."""
        key = self._key_of_version()
        answer = self._patiently(lambda: dynamodb_once().get_item(TableName=self.table, Key=key, ConsistentRead=True))
        return int(answer["Item"]["version"]["N"]) if "Item" in answer else 0

    def advance(self) -> int:
        """Count the version up, behind a write; returns the new one."""
        answer = self._patiently(
            lambda: dynamodb_once().update_item(
                TableName=self.table,
                Key=self._key_of_version(),
                UpdateExpression="ADD version :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
                ReturnValues="UPDATED_NEW",
            )
        )
        return int(answer["Attributes"]["version"]["N"])

    def read(self, kind: Kind, ids: Collection[str]) -> dict[str, Stored]:
        """The records that there are, by id."""
        keys = [self._key(kind, one) for one in dict.fromkeys(ids) if _can_be_key(one)]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = list(pool.map(self._read_chunk, _chunks(keys, _READS_PER_CALL)))
        return {_id_of(item): _opened(item) for item in chain.from_iterable(found)}

    def read_all(self, kind: Kind) -> dict[str, Record]:
        """Every record of a kind, in the order of their ids."""
        if kind == "product":
            with ThreadPoolExecutor(_PARALLEL) as pool:
                items = list(chain.from_iterable(pool.map(self._scan_segment, range(_PARALLEL))))
        else:
            items = list(self._partition(self._key(kind, "")["part"]["S"]))
        return {_id_of(item): _opened(item).record for item in sorted(items, key=_id_of)}

    def write(
        self, kind: Kind, records: Mapping[str, Record | None], *, told: Callable[[int], None] = lambda _: None
    ) -> dict[str, str]:
        """Put records, or remove those that are None, whatever was there before.

        Args:
            kind: Of all of them.
            records: By id.
            told: Called with the number of records behind us, as it grows.

        Returns:
            For each record that the table did not take in time: its id, and why.
        """
        wanted = [pair for pair in records.items() if pair[1] is not None or _can_be_key(pair[0])]
        chunks = list(_chunks([self._write_request(kind, *pair) for pair in wanted], _WRITES_PER_CALL))
        failed: dict[str, str] = {}

        def write_chunk(chunk: "Sequence[WriteRequestTypeDef]") -> dict[str, str]:
            # Where one was given up, the next would be, each after all of the patience.
            return self._write_chunk(chunk) if not failed else _left(chunk, "not tried, since others failed")

        with ThreadPoolExecutor(_PARALLEL) as pool:
            for done, refused in enumerate(pool.map(write_chunk, chunks), start=1):
                failed |= refused
                told(min(done * _WRITES_PER_CALL, len(records)))
        return failed

    def replace(self, kind: Kind, one: str, record: Record | None, before: Stored | None) -> bool:
        """Put or remove a record if it still is as it was read; returns whether it was."""
        key = self._key(kind, one)
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if before is not None:
            condition = {
                "ConditionExpression": "revision = :before",
                "ExpressionAttributeValues": {":before": {"S": before.revision}},
            }

        def attempt() -> bool:
            try:
                if record is None:
                    dynamodb_once().delete_item(TableName=self.table, Key=key, **condition)
                else:
                    dynamodb_once().put_item(TableName=self.table, Item=key | _content(record), **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    return False
                raise
            return True

        return self._patiently(attempt)

    def _read_chunk(self, keys: Sequence[Key]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        pending: Sequence[Any] = keys
        reason = "throttled"
        for _ in self._attempts():
            try:
                asked: dict[str, Any] = {self.table: {"Keys": pending, "ConsistentRead": True}}
                answer = dynamodb_once().batch_get_item(RequestItems=asked)
            except (BotoCoreError, ClientError) as error:
                reason = _reason(error)
                if not _may_pass(error):
                    break
                continue
            found.extend(answer["Responses"].get(self.table, []))
            # Left out: what a throttled table has no capacity for, and what lies behind an answer's first 16 MB.
            left = answer["UnprocessedKeys"].get(self.table)
            pending = left["Keys"] if left else []
            if not pending:
                return found
        raise self._unavailable(reason)

    def _write_chunk(self, requests: "Sequence[WriteRequestTypeDef]") -> dict[str, str]:
        pending: Sequence[Any] = requests
        reason = "throttled"
        for _ in self._attempts():
            try:
                answer = dynamodb_once().batch_write_item(RequestItems={self.table: pending})
                pending = answer["UnprocessedItems"].get(self.table, [])
            except (BotoCoreError, ClientError) as error:
                reason = _reason(error)
                if not _may_pass(error):
                    break
            if not pending:
                return {}
        return _left(pending, reason)

    def _scan_segment(self, segment: int) -> list[Mapping[str, Any]]:
        prefix = f"{self.index_name}#product#"
        return list(
            self._pages(
                lambda start: dynamodb_once().scan(
                    TableName=self.table,
                    Segment=segment,
                    TotalSegments=_PARALLEL,
                    ConsistentRead=True,
                    FilterExpression="begins_with(part, :prefix)",
                    ExpressionAttributeValues={":prefix": {"S": prefix}},
                    **start,
                )
            )
        )

    def _partition(self, part: str) -> Iterator[Mapping[str, Any]]:
        return self._pages(
            lambda start: dynamodb_once().query(
                TableName=self.table,
                ConsistentRead=True,
                KeyConditionExpression="part = :part",
                ExpressionAttributeValues={":part": {"S": part}},
                **start,
            )
        )

    def _pages(self, read: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            answer = self._patiently(lambda: read(start))  # noqa: B023 (called before the name moves on)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        reason = ""
        for _ in self._attempts():
            try:
                return call()
            except (BotoCoreError, ClientError) as error:
                reason = _reason(error)
                if not _may_pass(error):
                    break
        raise self._unavailable(reason)

    def _attempts(self) -> Iterator[None]:
        """One turn for each attempt that there is time for, at least one."""
        until = self.clock() + self.patience_seconds
        for attempt in count():
            yield
            pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt) * random.uniform(0.5, 1)
            if self.clock() + pause > until:
                return
            self.sleep(pause)

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(f"the catalogue's table {self.table} does not answer ({reason}): send it again later")

    def _key(self, kind: Kind, one: str) -> Key:
        shard = f"#{hashlib.sha256(one.encode()).hexdigest()[:2]}" if kind == "product" else ""
        return {"part": {"S": f"{self.index_name}#{kind}{shard}"}, "id": {"S": one}}

    def _key_of_version(self) -> Key:
        return {"part": {"S": f"{self.index_name}#version"}, "id": {"S": "version"}}

    def _write_request(self, kind: Kind, one: str, record: Record | None) -> "WriteRequestTypeDef":
        key = self._key(kind, one)
        if record is None:
            return {"DeleteRequest": {"Key": key}}
        return {"PutRequest": {"Item": key | _content(record)}}


def _can_be_key(one: str) -> bool:
    """Whether the table could have a record of this id; asked for another, it refuses the whole call."""
    return 0 < len(one.encode()) <= MAX_ID_BYTES


def as_text(record: Record) -> str:
    """A record as it is stored."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _content(record: Record) -> dict[str, dict[str, str]]:
    text = as_text(record)
    return {"content": {"S": text}, "revision": {"S": hashlib.sha256(text.encode()).hexdigest()}}


def _opened(item: Mapping[str, Any]) -> Stored:
    return Stored(json.loads(item["content"]["S"]), item["revision"]["S"])


def _id_of(item: Mapping[str, Any]) -> str:
    one: str = item["id"]["S"]
    return one


def _left(requests: Sequence[Any], reason: str) -> dict[str, str]:
    return {_id_of(_target(request)): reason for request in requests}


def _target(request: Mapping[str, Any]) -> Mapping[str, Any]:
    target: Mapping[str, Any] = (
        request["DeleteRequest"]["Key"] if "DeleteRequest" in request else request["PutRequest"]["Item"]
    )
    return target


def _chunks(entries: Sequence[Entry], size: int) -> Iterator[Sequence[Entry]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))


def _may_pass(error: BotoCoreError | ClientError) -> bool:
    if isinstance(error, BotoCoreError):
        return True
    return error.response["Error"]["Code"] in _MAY_PASS or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500


def _reason(error: BotoCoreError | ClientError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
