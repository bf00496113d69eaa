"""Moving the pointer that says which release is live, and what is kept of each move: when, by whom and why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from functions.aws.clients import dynamodb
from functions.aws.release_bucket import upload_release, whole_manifest
from functions.aws.release_store import StoreUnavailable
from relevance.errors import VitrineError

KEPT_MOVES = 20
_NOT_AS_SEEN = "ConditionalCheckFailedException"

MovedBy = Literal["person", "approval", "rollback"]


class PointerMoved(VitrineError):
    """Somebody else moved the pointer in the meantime; the message says what is live now."""


class PointerStays(VitrineError):
    """The pointer is not moved, for a reason that a person may overrule."""


class Move(BaseModel):
    """One move of the pointer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    live: str
    previous: str | None = None
    """What was live before."""
    moved_at: datetime | None = None
    """None for a move of before this was kept, as is the next."""
    moved_by: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        when = f"{self.moved_at:%Y-%m-%d %H:%M:%S} UTC" if self.moved_at else "at a time that was not kept"
        return f"{when} by {self.moved_by or 'nobody known'}{f': {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class PointerRecord:
    """All that is kept of an index' pointer."""

    moves: tuple[Move, ...] = ()
    """The newest first, 20 at most; none while nothing was ever published."""
    version: int = 0
    """Counts the moves; 0 while they were not counted."""
    candidate: str | None = None

    @property
    def live(self) -> str | None:
        """The release that serves."""
        return self.moves[0].live if self.moves else None

    @property
    def previous(self) -> str | None:
        """What was live before it."""
        return self.moves[0].previous if self.moves else None

    def rolled_back(self, release_id: str) -> Move | None:
        """The move that took a release back, unless it was made live again since, or the move is forgotten."""
        for move in self.moves:
            if move.live == release_id:
                return None
            if move.moved_by == "rollback" and move.previous == release_id:
                return move
        return None


def read_record(table: str, index_name: str) -> PointerRecord:
    """The pointer and its last moves; raises StoreUnavailable."""
    try:
        answer = dynamodb().get_item(TableName=table, Key={"name": {"S": index_name}}, ConsistentRead=True)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the release pointer of {index_name} cannot be read: {error}") from error
    read = TypeDeserializer().deserialize
    item: dict[str, Any] = {name: read(value) for name, value in answer.get("Item", {}).items()}
    if "live" not in item:
        return PointerRecord()
    moves = (item, *item.get("history", ()))
    return PointerRecord(
        tuple(Move.model_validate(move) for move in moves), int(item.get("version", 0)), item.get("candidate")
    )


def move_pointer(
    release_id: str,
    table: str,
    index_name: str,
    *,
    moved_by: MovedBy = "person",
    reason: str = "",
    seen: PointerRecord | None = None,
) -> PointerRecord:
    """Make a release live; what was live becomes `previous`. Pointing at what is live already changes nothing.

    Args:
        release_id: Is not looked for: `whole_manifest` tells whether it is there.
        table: Of the pointers.
        index_name: Whose pointer.
        moved_by: Kept with the move.
        reason: In a few words; kept with the move.
        seen: What the decision was made on; None for the pointer as it is now.

    Returns:
        The pointer as it is afterwards.

    Raises:
        PointerMoved: If it is not as it was seen any more; it stays as it is.
        StoreUnavailable: If DynamoDB does not answer.
    """
    seen = seen or read_record(table, index_name)
    if seen.live == release_id:
        return seen
    moved = Move(live=release_id, previous=seen.live, moved_at=datetime.now(UTC), moved_by=moved_by, reason=reason)
    after = PointerRecord((moved, *seen.moves)[:KEPT_MOVES], seen.version + 1, seen.candidate)
    newest, *earlier = (move.model_dump(mode="json", exclude_none=True) for move in after.moves)
    fields = newest | {"version": after.version, "history": earlier}
    as_seen = {"live": seen.live, "version": seen.version or None}
    write = TypeSerializer().serialize
    try:
        dynamodb().update_item(
            TableName=table,
            Key={"name": {"S": index_name}},
            UpdateExpression=f"SET {', '.join(f'#{name} = :{name}' for name in fields)}",
            ConditionExpression=" AND ".join(
                f"attribute_not_exists(#{name})" if value is None else f"#{name} = :seen_{name}"
                for name, value in as_seen.items()
            ),
            ExpressionAttributeNames={f"#{name}": name for name in fields},
            ExpressionAttributeValues={f":{name}": write(value) for name, value in fields.items()}
            | {f":seen_{name}": write(value) for name, value in as_seen.items() if value is not None},
        )
    except (BotoCoreError, ClientError) as error:
        if not (isinstance(error, ClientError) and error.response["Error"]["Code"] == _NOT_AS_SEEN):
            raise StoreUnavailable(f"the release pointer of {index_name} was not moved: {error}") from error
        now = read_record(table, index_name)
        if now.live == release_id:
            return now
        raise PointerMoved(
            f"release {release_id} was not made live: {seen.live or 'nothing'} was, and in the meantime somebody "
            f"made {now.live or 'nothing'} live ({now.moves[0] if now.moves else 'no move is kept'})"
        ) from error
    return after


def publish_release(
    folder: Path, bucket: str, table: str, index_name: str, *, moved_by: MovedBy = "person", reason: str = ""
) -> str:
    """Upload a release and move the pointer to it; returns its id.

    Raises:
        ReleaseRefused: If the folder is not what its manifest says; nothing is uploaded then.
        PointerMoved: If somebody else moved the pointer at the same moment.
        StoreUnavailable: If AWS does not answer.
    """
    release_id = upload_release(folder, bucket).release_id
    move_pointer(release_id, table, index_name, moved_by=moved_by, reason=reason)
    return release_id


def roll_back(bucket: str, table: str, index_name: str, *, to: str | None = None, reason: str = "") -> PointerRecord:
    """Make the release before live again, or another that is named, once it is seen to be whole.

    Raises:
        PointerStays: If there is no release before, or it was itself rolled back: twice would bring that one back.
        ReleaseRefused: If the release is gone from the bucket, or half of it is.
        PointerMoved: If somebody else moved the pointer at the same moment.
        StoreUnavailable: If AWS does not answer.
    """
    seen = read_record(table, index_name)
    target = to or seen.previous
    if target is None:
        raise PointerStays(f"index {index_name}: {seen.live or 'nothing'} is live, and nothing was before it")
    if target == seen.live:
        raise PointerStays(f"release {target} is live already ({seen.moves[0]})")
    if to is None and (back := seen.rolled_back(target)):
        others = [move.live for move in seen.moves if move.live not in (seen.live, target)]
        raise PointerStays(
            f"before {seen.live} release {target} was live, from which the pointer was rolled back {back}. Rolling "
            f"back again would bring it back: name the release that is wanted with --to; "
            f"others that were live: {', '.join(dict.fromkeys(others)) or 'none that is known'}"
        )
    whole_manifest(bucket, target)
    return move_pointer(target, table, index_name, moved_by="rollback", reason=reason or f"from {seen.live}", seen=seen)
