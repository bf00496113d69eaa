import boto3
import pytest

from functions.aws.old_releases import delete_old_releases
from functions.aws.release_pointer import move_pointer

BUCKET, TABLE = "releases", "pointer"


@pytest.fixture
def put_releases(settings):
    """A function that puts releases into the bucket, two files each."""

    def put(*release_ids):
        for release_id in release_ids:
            for name in ("manifest.json", "index/lexical"):
                boto3.client("s3").put_object(Bucket=BUCKET, Key=f"releases/{release_id}/{name}", Body=b"x")

    return put


def left():
    """The releases of which anything is left."""
    return {found.key.split("/")[1] for found in boto3.resource("s3").Bucket(BUCKET).objects.all()}


def test_the_newest_stay_and_the_others_go(put_releases):
    put_releases("20260101T000000-a", "20260301T000000-b", "20260201T000000-c")

    deleted = delete_old_releases(BUCKET, TABLE, keep=1)

    assert deleted == ["20260101T000000-a", "20260201T000000-c"]
    assert left() == {"20260301T000000-b"}


def test_what_any_pointer_names_stays_however_old(put_releases):
    put_releases("1-live", "2-previous", "3-other-index", "4-old", "5-new")
    move_pointer("2-previous", TABLE, "products")
    move_pointer("1-live", TABLE, "products")
    move_pointer("3-other-index", TABLE, "books")

    assert delete_old_releases(BUCKET, TABLE, keep=1) == ["4-old"]


def test_fewer_than_are_kept_are_left_alone(put_releases):
    put_releases("1-a", "2-b")

    assert delete_old_releases(BUCKET, TABLE, keep=5) == []
    assert left() == {"1-a", "2-b"}


def test_keeping_none_is_refused(put_releases):
    put_releases("1-a")

    with pytest.raises(ValueError, match="keep is 0: expected at least 1"):
        delete_old_releases(BUCKET, TABLE, keep=0)

    assert left() == {"1-a"}
