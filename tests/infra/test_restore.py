"""The runbook's own lines bring back what was lost: nothing here restores anything but they."""

import re
from datetime import datetime

import boto3
import pytest
from moto import mock_aws

from functions.aws import clients
from functions.aws.catalogue_store import CatalogueStore
from functions.aws.release_pointer import move_pointer, publish_release
from functions.aws.release_store import ReleaseStore
from infra.layer_contents import PROJECT
from relevance.errors import ReleaseRefused
from relevance.release import open_release

CACHES = (clients.s3, clients.dynamodb, clients.dynamodb_once)


def lines_of(heading: str) -> list[str]:
    """The Python blocks below a heading of the runbook."""
    text = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = text.split(f"### {heading}\n")[1].split("\n### ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def create_table(name: str, *keys: str) -> None:
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def aws():
    """A simulated AWS with the stage's bucket and tables, as `StorageStack` makes them."""
    with mock_aws():
        for cached in CACHES:
            cached.cache_clear()
        boto3.client("s3").create_bucket(Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("s3").put_bucket_versioning(Bucket="shop", VersioningConfiguration={"Status": "Enabled"})
        create_table("catalogue", "part", "id")
        create_table("pointers", "name")
        yield
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture
def restored_by_the_runbook():
    """A function that runs the lines for a table, with the damage done once its copy of before exists."""

    def run(table, damage, *, last=True):
        names = {"datetime": datetime}
        copying, putting_back, cleaning = lines_of("A table as it was")
        exec(copying.replace("<CatalogueTable>", table), names)
        damage()
        exec(putting_back, names)
        if last:
            exec(cleaning, names)

    return run


def test_a_catalogue_comes_back_whole_and_newer_products_go(aws, restored_by_the_runbook):
    store = CatalogueStore("catalogue", "products", patience_seconds=3)
    before = {f"p{number}": {"objectID": f"p{number}", "title": "Lamp", "price": 9.95} for number in range(60)}
    store.write("product", before)
    store.write("settings", {"settings": {"replicas": ["products_price_asc"]}})
    store.advance()

    def damage():
        store.write("product", dict.fromkeys(list(before)[:40]))  # deleted
        store.write("product", {"p50": {"objectID": "p50", "title": "overwritten"}, "new": {"objectID": "new"}})
        store.write("settings", {"settings": None})
        store.advance()

    restored_by_the_runbook("catalogue", damage)

    assert store.read_all("product") == before
    assert store.read_all("settings") == {"settings": {"replicas": ["products_price_asc"]}}


def test_the_catalogues_version_still_grows_behind_a_restore(aws, restored_by_the_runbook):
    store = CatalogueStore("catalogue", "products", patience_seconds=3)
    store.advance()

    restored_by_the_runbook("catalogue", store.advance)

    assert store.version() == 3  # 1, the damage's 2, and one that the next release is built for


def test_the_copy_of_before_is_removed_at_the_end(aws, restored_by_the_runbook):
    restored_by_the_runbook("catalogue", lambda: None)

    assert boto3.client("dynamodb").list_tables()["TableNames"] == ["catalogue", "pointers"]


def test_the_pointer_says_again_what_it_said(aws, restored_by_the_runbook, tmp_path):
    move_pointer("release-1", "pointers", "products")
    move_pointer("release-2", "pointers", "products")

    restored_by_the_runbook("pointers", lambda: move_pointer("broken", "pointers", "products"), last=False)

    pointer = ReleaseStore("shop", "pointers", "products", tmp_path).pointer()
    assert (pointer.live, pointer.previous) == ("release-2", "release-1")


def test_a_release_that_was_deleted_and_damaged_opens_again(aws, release_folder, tmp_path):
    release_id = publish_release(release_folder, "shop", "pointers", "products")
    bucket = boto3.resource("s3").Bucket("shop")
    damaged, *deleted = sorted(found.key for found in bucket.objects.all())
    bucket.put_object(Key=damaged, Body=b"something else")
    bucket.delete_objects(Delete={"Objects": [{"Key": key} for key in deleted]})
    store = ReleaseStore("shop", "pointers", "products", tmp_path)
    with pytest.raises(ReleaseRefused):
        store.fetch(release_id)

    (lines,) = lines_of("A release as it was published")
    exec(lines.replace("<ReleaseBucket>", "shop").replace("<release id>", release_id), {})

    assert open_release(store.fetch(release_id)).release_id == release_id
