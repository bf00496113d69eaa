"""`vitrine release`: what lies in a stage's release bucket, what is live, and moving from one release to another."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.local_stage import reach_stage
from cli.release_differences import differences
from functions.aws.old_releases import delete_old_releases
from functions.aws.release_bucket import release_ids, stored_manifest, upload_release, whole_manifest
from functions.aws.release_pointer import PointerRecord, PointerStays, move_pointer, read_record, roll_back
from functions.aws.stacks import stack_output
from functions.environment import SearchSettings
from infra.stage import stages
from local.cloud import STAGE
from relevance.contracts.manifest import ReleaseManifest
from relevance.errors import ReleaseRefused, VitrineError
from relevance.release import open_release
from relevance.release_files import read_manifest


@dataclass(frozen=True)
class Place:
    """Where a stage keeps its releases and its pointers, and how soon its functions see that one has moved."""

    bucket: str
    table: str
    pointer_seconds: float


def check_release(given: argparse.Namespace) -> None:
    """Open a release as a function would, and say what it is."""
    manifest = open_release(given.folder).manifest
    size_mb = sum(entry.size_bytes for entry in manifest.files.values()) / 1e6
    print(f"release   {manifest.release_id}, {len(manifest.files)} files, {size_mb:.0f} MB, every one as promised")
    print(f"catalogue {manifest.catalogue}")
    print(f"encoder   {manifest.encoder_id or 'none: searches go by words'}")
    print(f"ranker    {manifest.ranker_id or 'none: the fused order stands'}")


def list_releases(given: argparse.Namespace) -> None:
    """Every release in the bucket, newest first, then the moves of the pointer; one that is not whole says so."""
    place = _place(given)
    record = read_record(place.table, given.index)
    ids = release_ids(place.bucket)
    for release_id in reversed(ids):
        role = _role(record, release_id)
        try:
            said = _in_one_line(whole_manifest(place.bucket, release_id))
        except ReleaseRefused as refused:
            said = f"NOT WHOLE: {refused}".partition("\n")[0]
        print(f"{role:<10}{release_id}  {said}")
    if not ids:
        print(f"no release is in {place.bucket}")
    for role, named in (("live", record.live), ("previous", record.previous), ("candidate", record.candidate)):
        if named is not None and named not in ids:
            print(f"{role:<10}{named}  NOT THERE: the pointer names it, and {place.bucket} has nothing of it")
    print("\nmoves of the pointer, the newest first" if record.moves else "\nnothing was ever published")
    for move in record.moves:
        print(f"  {move.live}  {move}")


def diff_releases(given: argparse.Namespace) -> None:
    """What changed from one release to another, by what their manifests say."""
    place = _place(given)
    record = read_record(place.table, given.index)
    before, after = given.before or record.previous, given.after or record.live
    if before is None or after is None:
        known = f"live is {record.live or 'none'}, previous {record.previous or 'none'}"
        raise VitrineError(f"index {given.index}: {known}; name two releases to compare")
    for line in differences(_manifest(place, before), _manifest(place, after)):
        print(line)


def publish(given: argparse.Namespace) -> None:
    """Check, upload where it is a folder, and point: functions open the release within the stage's pointer_seconds."""
    place = _place(given)
    record = read_record(place.table, given.index)
    folder = Path(given.release)
    manifest = open_release(folder).manifest if folder.is_dir() else whole_manifest(place.bucket, given.release)
    release_id = manifest.release_id
    if not given.force:
        _require_no_objection(manifest, record)
    if folder.is_dir():
        upload_release(folder, place.bucket)
    move_pointer(release_id, place.table, given.index, reason=given.reason, seen=record)
    print(f"live: {release_id}")
    print(f"before: {record.live or 'nothing'}" if record.live != release_id else "it was live already")
    print(_soon(place))


def roll_back_release(given: argparse.Namespace) -> None:
    """Make the release before live again, or another; what is live now is marked, so that no approval publishes it."""
    place = _place(given)
    record = roll_back(place.bucket, place.table, given.index, to=given.to, reason=given.reason)
    print(f"live: {record.live}")
    print(f"rolled back from: {record.previous}; only a person publishes that again (release publish --force)")
    print(_soon(place))


def prune(given: argparse.Namespace) -> None:
    """Delete old releases, and say which; a deleted one can be brought back for as long as the stage keeps versions."""
    if given.keep < 1:
        raise VitrineError(f"--keep is {given.keep}: expected at least 1")
    place = _place(given)
    deleted = delete_old_releases(place.bucket, place.table, given.keep)
    print("\n".join(f"deleted: {release_id}" for release_id in deleted) or "no release is old enough")


def add_release_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`vitrine release ...`"""
    release = commands.add_parser(
        "release", help="list, compare, publish, roll back or delete releases"
    ).add_subparsers(required=True, metavar="ACTION")
    checking = release.add_parser("check", help="open one as a function would")
    checking.add_argument("folder", type=Path)
    checking.set_defaults(command=check_release)
    listing = release.add_parser("list", help="those in the bucket, which is live, and who made it so")
    comparing = release.add_parser("diff", help="what changed from one to another")
    comparing.add_argument("before", nargs="?", metavar="A", help="an id or a folder; default: what was live before")
    comparing.add_argument("after", nargs="?", metavar="B", help="an id or a folder; default: what is live")
    publishing = release.add_parser("publish", help="make one live")
    publishing.add_argument("release", metavar="RELEASE", help="the id of one in the bucket, or a folder to upload")
    publishing.add_argument("--force", action="store_true", help="though it was rolled back, or misses a limit")
    rolling = release.add_parser("rollback", help="make the one before live again")
    rolling.add_argument("--to", metavar="ID", help="another one; default: what was live before")
    pruning = release.add_parser("prune", help="delete old ones, but none that is in use")
    pruning.add_argument("--keep", type=int, default=5, metavar="N", help="of the newest; default: 5")
    for action in (publishing, rolling):
        action.add_argument("--reason", default="", help="in a few words, for whoever looks later")
    for action, command in (
        (listing, list_releases),
        (comparing, diff_releases),
        (publishing, publish),
        (rolling, roll_back_release),
        (pruning, prune),
    ):
        action.add_argument("--stage", default=STAGE, help=f"such as dev; default: {STAGE}, what make up started")
        action.add_argument("--bucket", help="instead of the stage's: the storage stack's output ReleaseBucket")
        action.add_argument("--table", help="instead of the stage's: the storage stack's output PointerTable")
        action.add_argument("--index", default="products", help="default: products")
        action.set_defaults(command=command)


def _place(given: argparse.Namespace) -> Place:
    usual: float = SearchSettings.model_fields["pointer_seconds"].default
    if given.bucket or given.table:
        if not (given.bucket and given.table):
            raise VitrineError(f"--bucket is {given.bucket}, --table is {given.table}: expected both, or --stage")
        return Place(given.bucket, given.table, usual)
    known = stages(Path()).get(given.stage)
    pointer_seconds = known.pointer_seconds if known else usual
    if state := reach_stage(given.stage):
        return Place(state.outputs["ReleaseBucket"], state.outputs["PointerTable"], pointer_seconds)
    bucket, table = (stack_output(given.stage, "storage", name) for name in ("ReleaseBucket", "PointerTable"))
    return Place(bucket, table, pointer_seconds)


def _require_no_objection(manifest: ReleaseManifest, record: PointerRecord) -> None:
    """Raise PointerStays if the release was rolled back, or misses a limit of the gate."""
    if back := record.rolled_back(manifest.release_id):
        raise PointerStays(f"release {manifest.release_id} was rolled back {back}; --force publishes it all the same")
    if manifest.verdict and not manifest.verdict.passed:
        missed = "; ".join(check.reason for check in manifest.verdict.checks if not check.passed)
        raise PointerStays(f"release {manifest.release_id}: {missed} --force publishes it all the same")


def _manifest(place: Place, named: str) -> ReleaseManifest:
    folder = Path(named)
    return read_manifest(folder) if folder.is_dir() else stored_manifest(place.bucket, named)


def _role(record: PointerRecord, release_id: str) -> str:
    roles: Mapping[str | None, str] = {
        record.candidate: "candidate",
        record.previous: "previous",
        record.live: "live",
    }
    return roles.get(release_id, "")


def _in_one_line(manifest: ReleaseManifest) -> str:
    verdict = "none" if manifest.verdict is None else "passed" if manifest.verdict.passed else "missed"
    return (
        f"made {manifest.made_at:%Y-%m-%d %H:%M}, {manifest.products:,} products, "
        f"encoder {manifest.encoder_id or 'none'}, ranker {manifest.ranker_id or 'none'}, verdict {verdict}"
    )


def _soon(place: Place) -> str:
    return f"Functions look at the pointer every {place.pointer_seconds:g} s, beside a request, and then open it."
