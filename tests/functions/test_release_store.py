from pathlib import Path

import boto3
import pytest

from functions.aws.release_store import ReleaseStore
from relevance.errors import FileDamaged, ReleaseRefused
from tests.builders import a_release


@pytest.fixture
def store(settings, tmp_path):
    return ReleaseStore(settings.release_bucket, settings.pointer_table, settings.index_name, tmp_path / "downloads")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A release without models: 100 kB."""
    return a_release(tmp_path_factory.mktemp("small"), encoder=False)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_published_release_arrives_whole(publish, store, small):
    publish(small)

    fetched = store.fetch(store.pointer().live)

    assert files(fetched) == files(small)


def test_nothing_published_is_no_pointer(store):
    assert store.pointer() is None


def test_a_release_that_is_not_there_is_refused_by_its_address(store):
    with pytest.raises(ReleaseRefused, match=r"s3://releases/releases/gone/manifest.json is not there"):
        store.fetch("gone")


def test_a_half_uploaded_release_leaves_no_folder(publish, store, small):
    publish(small)
    boto3.client("s3").delete_object(Bucket="releases", Key=f"releases/{small.name}/products/products.jsonl")

    with pytest.raises(ReleaseRefused, match=r"products/products.jsonl is not there"):
        store.fetch(small.name)

    assert list(store.folder.iterdir()) == []


def test_a_damaged_release_is_not_uploaded(publish, settings, tmp_path):
    folder = a_release(tmp_path, encoder=False)
    (folder / "card.md").write_text("half")

    with pytest.raises(FileDamaged):
        publish(folder)

    assert boto3.client("s3").list_objects_v2(Bucket=settings.release_bucket)["KeyCount"] == 0


def test_a_download_that_is_there_is_used_again(publish, store, small):
    publish(small)
    first = store.fetch(small.name)
    boto3.client("s3").delete_object(Bucket="releases", Key=f"releases/{small.name}/manifest.json")

    assert store.fetch(small.name) == first
    assert Path(first).is_dir()
