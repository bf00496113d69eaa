"""The data that one run of the training reads: a folder for each of its inputs, in the training bucket.

    snapshots/<name>/<input>/   what a run reads; never changed once a run has begun
    inputs/<input>/             what every snapshot takes along beside the catalogue and the live release

SageMaker wants something at every address, so an input that is absent holds one empty file, `.none`.
"""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws.catalogue_store import CatalogueStore
from functions.aws.catalogue_transfer import export_catalogue
from functions.aws.clients import s3
from functions.aws.release_store import ReleaseStore, StoreUnavailable
from relevance.release_files import MANIFEST

TAKEN_ALONG = ("events", "baskets", "accepted", "base", "judgments")
"""Inputs that lie in the bucket already; each may be absent."""
NONE = ".none"
_PARALLEL = 8


def lay_down(name: str, bucket: str, catalogue: CatalogueStore, releases: ReleaseStore, live: str | None) -> None:
    """Put a whole snapshot into the bucket.

    Args:
        name: Of a snapshot that is not there yet.
        bucket: Of the training data.
        catalogue: Exported as it is now, through a folder of this machine: the catalogue must fit in it and in memory.
        releases: Where the live release is copied from.
        live: Its id; None while nothing was ever published.

    Raises:
        StoreUnavailable: If the table or the bucket does not answer; what lies there by then is part of no run.
    """
    root = f"snapshots/{name}"
    try:
        _put_catalogue(bucket, f"{root}/catalogue/", catalogue)
        for each in TAKEN_ALONG:
            found = {
                one["Key"]: one["Key"].removeprefix(f"inputs/{each}/") for one in _listed(bucket, f"inputs/{each}/")
            }
            _copy(bucket, found, bucket, f"{root}/{each}/")
        files = [*releases.manifest(live).files, MANIFEST] if live else []
        _copy(releases.bucket, {f"releases/{live}/{file}": file for file in files}, bucket, f"{root}/live/")
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the snapshot s3://{bucket}/{root}: {error}") from error


def log_mb_since(bucket: str, moment: datetime | None) -> float:
    """Megabytes of the shoppers' log that were written after a moment, or all. Raises StoreUnavailable."""
    try:
        sizes = [
            one["Size"] for one in _listed(bucket, "inputs/events/") if moment is None or one["LastModified"] > moment
        ]
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the log in s3://{bucket}/inputs/events: {error}") from error
    return float(round(sum(sizes) / 1e6, 6))


def fetch(name: str, bucket: str, folder: Path) -> None:
    """Bring a snapshot to this machine, a folder for each input.

    Raises:
        StoreUnavailable: If the bucket does not answer, or holds no snapshot of that name.
    """
    prefix = f"snapshots/{name}/"
    try:
        found = [one["Key"] for one in _listed(bucket, prefix)]
        if not found:
            raise StoreUnavailable(f"s3://{bucket}/{prefix} holds nothing: expected a snapshot")
        for key in found:
            file = folder / key.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            s3().download_file(bucket, key, str(file))
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the snapshot s3://{bucket}/{prefix}: {error}") from error


def _put_catalogue(bucket: str, prefix: str, catalogue: CatalogueStore) -> None:
    """The export, with the report that the first job expects beside it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        version, products = export_catalogue(catalogue, folder)
        source = json.loads((folder / "export.json").read_text(encoding="utf-8"))["source"]
        report = {"source": source, "catalogue_version": version, "products": products}
        (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
        for file in sorted(folder.iterdir()):
            s3().upload_file(str(file), bucket, prefix + file.name)


def _copy(source: str, names: dict[str, str], bucket: str, prefix: str) -> None:
    """Copy objects, key -> its name below the prefix, without reading them here."""
    if not names:
        s3().put_object(Bucket=bucket, Key=prefix + NONE, Body=b"")
        return
    with ThreadPoolExecutor(_PARALLEL) as pool:
        list(pool.map(lambda key: s3().copy({"Bucket": source, "Key": key}, bucket, prefix + names[key]), names))


def _listed(bucket: str, prefix: str) -> Iterator[Any]:
    """The objects below a prefix, without the empty one that a console makes of a folder."""
    for page in s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (one for one in page.get("Contents", []) if not one["Key"].endswith("/"))
