"""Releases that nobody will serve again: deleted by a person's command, and brought back as the runbook says."""

from functions.aws.clients import dynamodb, s3
from functions.aws.release_bucket import FOLDER, release_ids


def delete_old_releases(bucket: str, table: str, keep: int) -> list[str]:
    """Delete all releases but the newest ones and those that a pointer of any index names; returns the deleted ids.

    The bucket is versioned: a deleted file stays until the stage's lifecycle rule removes it for good.

    Args:
        bucket: Of the releases.
        table: Of the pointers.
        keep: How many of the newest stay, at least 1: the newest may be on its way to be published.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}: expected at least 1, since the newest may be on its way to be published")
    in_use = _pointed_at(table)
    old = [release_id for release_id in release_ids(bucket)[:-keep] if release_id not in in_use]
    for release_id in old:
        _delete(bucket, f"{FOLDER}{release_id}/")
    return old


def _pointed_at(table: str) -> set[str]:
    pages = dynamodb().get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    return {item[field]["S"] for item in items for field in ("live", "previous", "candidate") if field in item}


def _delete(bucket: str, folder: str) -> None:
    for page in s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        s3().delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": each["Key"]} for each in page["Contents"]]})
