"""Releases as they lie in S3: which there are, whether one is whole, and how one gets there."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from functions.aws.clients import s3
from functions.aws.release_store import StoreUnavailable
from relevance.contracts.manifest import ReleaseManifest
from relevance.errors import FileDamaged, ReleaseRefused
from relevance.release_files import MANIFEST, check_files, read_manifest

FOLDER = "releases/"
_PARALLEL_TRANSFERS = 8


def release_ids(bucket: str) -> list[str]:
    """Every release of which anything lies there, oldest first; raises StoreUnavailable."""
    try:
        pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER, Delimiter="/")
        found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"s3://{bucket}/{FOLDER} cannot be listed: {error}") from error
    return sorted(folder.removeprefix(FOLDER).rstrip("/") for folder in found)  # an id begins with its time


def stored_manifest(bucket: str, release_id: str) -> ReleaseManifest:
    """What a release says of itself, whether the rest of it is there or not.

    Raises:
        ReleaseRefused: If there is no manifest, or none that this code understands.
        StoreUnavailable: If S3 does not answer.
    """
    address = f"s3://{bucket}/{FOLDER}{release_id}/{MANIFEST}"
    try:
        written = s3().get_object(Bucket=bucket, Key=f"{FOLDER}{release_id}/{MANIFEST}")["Body"].read()
        manifest = ReleaseManifest.model_validate_json(written)
    except ValidationError as error:
        raise ReleaseRefused(f"release {release_id}: {address} is not understood: {error}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            raise ReleaseRefused(f"release {release_id}: {address} is not there") from error
        raise StoreUnavailable(f"{address}: {error}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"{address}: {error}") from error
    if manifest.release_id != release_id:
        raise ReleaseRefused(f"release {release_id}: {address} is of release {manifest.release_id}")
    return manifest


def whole_manifest(bucket: str, release_id: str) -> ReleaseManifest:
    """The manifest, after it is seen that every file that it names is there in its size; sha256 is seen when it opens.

    Raises:
        FileDamaged: If a file is missing or has another size, with both sides.
        ReleaseRefused: If there is no manifest, or none that this code understands.
        StoreUnavailable: If S3 does not answer.
    """
    manifest = stored_manifest(bucket, release_id)
    folder = f"{FOLDER}{release_id}/"
    try:
        pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
        sizes = {each["Key"].removeprefix(folder): each["Size"] for page in pages for each in page.get("Contents", [])}
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"s3://{bucket}/{folder} cannot be listed: {error}") from error
    for name, promised in manifest.files.items():
        where = f"release {release_id}: s3://{bucket}/{folder}{name}"
        if name not in sizes:
            raise FileDamaged(f"{where} is missing; the manifest promises {promised.size_bytes} bytes")
        if sizes[name] != promised.size_bytes:
            raise FileDamaged(f"{where} has {sizes[name]} bytes; the manifest promises {promised.size_bytes}")
    return manifest


def upload_release(folder: Path, bucket: str) -> ReleaseManifest:
    """Upload a release, its manifest last, so that where there is one the rest is there too.

    Raises:
        ReleaseRefused: If the folder is not what its manifest says; nothing is uploaded then.
        StoreUnavailable: If S3 does not take it.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)

    def upload(name: str) -> None:
        s3().upload_file(str(folder / name), bucket, f"{FOLDER}{manifest.release_id}/{name}")

    try:
        with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as pool:
            list(pool.map(upload, manifest.files))
        upload(MANIFEST)
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise StoreUnavailable(f"release {manifest.release_id} was not uploaded to {bucket}: {error}") from error
    return manifest
