"""An approved package becomes the live release, or the reason why not."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from functions.aws.model_packages import ModelPackage, read_package, unpack_release
from functions.aws.release_bucket import stored_manifest, upload_release, whole_manifest
from functions.aws.release_pointer import PointerMoved, PointerRecord, move_pointer, read_record
from functions.publish_release.settings import PublishSettings
from relevance.contracts.manifest import ReleaseManifest
from relevance.errors import ReleaseRefused
from relevance.release_files import check_files, read_manifest

_ROUNDS = 5


@dataclass(frozen=True)
class Publication:
    """What became of a package."""

    package: str
    release_id: str | None
    """None where the package was not looked into."""
    published: bool
    """False where there was nothing to do."""
    reason: str


def publish_approved(arn: str, known: PublishSettings) -> Publication:
    """Copy an approved package's release into the release bucket, and make it live; the same again changes nothing.

    Raises:
        ReleaseRefused: If the release must not, or not by itself, become live; the pointer stays.
        PointerMoved: If others kept moving the pointer at the same moment.
        StoreUnavailable: If AWS does not answer.
    """
    package = read_package(arn)
    if package.group != known.model_package_group:
        raise ReleaseRefused(f"package {package.name} is of {package.group}: expected {known.model_package_group}")
    if package.approval != "Approved":
        return Publication(package.name, None, published=False, reason=f"it is {package.approval}")
    manifest = _copied(package, known)
    release_id = manifest.release_id
    for _ in range(_ROUNDS):
        seen = read_record(known.pointer_table, known.index_name)
        if seen.live == release_id:
            return Publication(package.name, release_id, published=False, reason="it is live already")
        _require_no_objection(manifest, seen, known.release_bucket)
        reason = f"package {package.name} approved{f': {package.approval_reason}' if package.approval_reason else ''}"
        try:
            move_pointer(
                release_id, known.pointer_table, known.index_name, moved_by="approval", reason=reason, seen=seen
            )
        except PointerMoved as moved:
            lost = moved
            continue
        return Publication(package.name, release_id, published=True, reason=f"{seen.live or 'nothing'} was live before")
    raise lost


def _copied(package: ModelPackage, known: PublishSettings) -> ReleaseManifest:
    """The manifest of a package's release, which lies whole in the release bucket now and passed the gate."""
    with tempfile.TemporaryDirectory(dir=known.work_folder) as work:
        folder = unpack_release(package, known.training_bucket, Path(work), int(known.most_unpacked_mb * 1e6))
        manifest = read_manifest(folder)
        check_files(folder, manifest)
        if manifest.verdict is None or not manifest.verdict.passed:
            checks = manifest.verdict.checks if manifest.verdict else ()
            missed = "; ".join(check.reason for check in checks if not check.passed) or "the gate was not asked"
            raise ReleaseRefused(f"package {package.name} is approved, its release {manifest.release_id} not: {missed}")
        if not _lies_there(manifest, known.release_bucket):
            upload_release(folder, known.release_bucket)
    return manifest


def _lies_there(manifest: ReleaseManifest, bucket: str) -> bool:
    try:
        return whole_manifest(bucket, manifest.release_id) == manifest
    except ReleaseRefused:
        return False


def _require_no_objection(manifest: ReleaseManifest, seen: PointerRecord, bucket: str) -> None:
    """Raise ReleaseRefused if the release was rolled back, or is older than the live one.

    It lies in the release bucket then: a person may publish it by its id.
    """
    release_id = manifest.release_id
    if back := seen.rolled_back(release_id):
        raise ReleaseRefused(
            f"release {release_id} was rolled back {back}: `vitrine release publish {release_id} --force` publishes it"
        )
    if seen.live is None:
        return
    try:
        live = stored_manifest(bucket, seen.live)
    except ReleaseRefused:
        return  # what is live cannot be read: any whole release is better
    if manifest.made_at < live.made_at:
        raise ReleaseRefused(
            f"release {release_id} was made at {manifest.made_at}, release {live.release_id}, which is live, at "
            f"{live.made_at}: `vitrine release publish {release_id}` publishes the older one"
        )
