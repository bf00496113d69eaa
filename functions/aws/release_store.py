"""Releases in S3, and the pointer in DynamoDB that says which one is live, as functions read them."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import dynamodb, s3
from relevance.contracts.manifest import ReleaseManifest
from relevance.errors import ReleaseRefused, VitrineError
from relevance.release_files import MANIFEST, read_manifest

_PREFIX = "releases"
_PARALLEL_TRANSFERS = 8


class StoreUnavailable(VitrineError):
    """S3 or DynamoDB did not answer."""


@dataclass(frozen=True)
class Pointer:
    """Which releases are in use."""

    live: str
    previous: str | None
    """What was live before: where a function that cannot open `live` turns to."""


@dataclass(frozen=True)
class ReleaseStore:
    """The releases of one index, as a function sees them."""

    bucket: str
    table: str
    index_name: str
    folder: Path
    """Where downloads lie."""

    def pointer(self) -> Pointer | None:
        """The pointer; None while nothing was ever published. Raises StoreUnavailable."""
        try:
            answer = dynamodb().get_item(
                TableName=self.table, Key={"name": {"S": self.index_name}}, ConsistentRead=True
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"the release pointer of {self.index_name} cannot be read: {error}") from error
        item = answer.get("Item")
        if item is None:
            return None
        return Pointer(item["live"]["S"], item["previous"]["S"] if "previous" in item else None)

    def manifest(self, release_id: str) -> ReleaseManifest:
        """What a release says of itself, without the rest of it.

        Raises:
            StoreUnavailable: If S3 does not answer, or holds no manifest of it that this code understands.
        """
        key = f"{_PREFIX}/{release_id}/{MANIFEST}"
        try:
            written = s3().get_object(Bucket=self.bucket, Key=key)["Body"].read()
            return ReleaseManifest.model_validate_json(written)
        except (BotoCoreError, ClientError, ValidationError) as error:
            raise StoreUnavailable(f"s3://{self.bucket}/{key}: {error}") from error

    def fetch(self, release_id: str) -> Path:
        """The folder of a release on this machine, downloaded if it is not there.

        Raises:
            ReleaseRefused: If the bucket has no such release, or it has no manifest.
            StoreUnavailable: If S3 does not answer.
        """
        target = self.folder / release_id
        if target.is_dir():
            return target
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{release_id}.", dir=self.folder))
        try:
            self._download(release_id, MANIFEST, unfinished)
            manifest = read_manifest(unfinished)
            with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as pool:
                list(pool.map(lambda name: self._download(release_id, name, unfinished), manifest.files))
            try:
                unfinished.rename(target)
            except OSError:
                if not target.is_dir():  # another process was quicker: its download serves as well
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return target

    def forget(self, release_id: str) -> None:
        """Remove a download, so that the next `fetch` gets it anew."""
        shutil.rmtree(self.folder / release_id, ignore_errors=True)

    def _download(self, release_id: str, name: str, folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        key = f"{_PREFIX}/{release_id}/{name}"
        try:
            s3().download_file(self.bucket, key, str(path))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "403"):
                raise ReleaseRefused(f"release {release_id}: s3://{self.bucket}/{key} is not there") from error
            raise StoreUnavailable(f"s3://{self.bucket}/{key}: {error}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"s3://{self.bucket}/{key}: {error}") from error
