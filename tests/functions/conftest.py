"""The functions' surroundings: a bucket, a table and the keys, in moto."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from functions.assemble_results import handler as assemble_results
from functions.aws import clients
from functions.aws.key_store import key_store, write_keys
from functions.aws.release_store import move_pointer, publish_release
from functions.environment import SearchSettings
from functions.keys import KeyRing, key_hash
from functions.manage_catalogue import handler as manage_catalogue
from functions.manage_catalogue.settings import CatalogueSettings
from functions.preprocess_query import handler as preprocess_query
from functions.rerank import handler as rerank
from functions.serving import serving
from tests.api_gateway import ApiGateway, Context

CACHES = (
    clients.s3,
    clients.dynamodb,
    clients.dynamodb_once,
    clients.ssm,
    clients.lambda_,
    key_store,
    serving,
    assemble_results.settings,
    manage_catalogue.settings,
    preprocess_query.settings,
    rerank.settings,
)


@pytest.fixture
def lambda_context() -> Context:
    return Context()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CatalogueSettings]:
    """Settings in the environment, and the resources they name in moto; every cache is empty."""
    settings = CatalogueSettings(
        release_bucket="releases",
        pointer_table="pointer",
        key_parameter="/vitrine/keys",
        release_folder=str(tmp_path),
        catalogue_table="catalogue",
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        for cached in CACHES:
            cached.cache_clear()
        boto3.client("s3").create_bucket(
            Bucket="releases", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        create_table("pointer", "name")
        create_table("catalogue", "part", "id")
        write_keys(
            settings.key_parameter,
            KeyRing(search=(key_hash("search-key"),), admin=(key_hash("admin-key"),), parents=("parent-key",)),
        )
        yield settings
    for cached in CACHES:
        cached.cache_clear()


def create_table(name: str, *keys: str) -> None:
    """A table whose keys are text: the partition's, and the sort key if there are two."""
    boto3.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def publish(settings: SearchSettings) -> Callable[[Path], str]:
    """Upload a release and make it live."""
    return lambda folder: publish_release(folder, settings.release_bucket, settings.pointer_table, settings.index_name)


@pytest.fixture
def gateway(settings: CatalogueSettings, install: Callable[[Path], None], release_folder: Path) -> ApiGateway:
    """All routes, over a shop whose release is live; the catalogue's function reads the manifest from the bucket."""
    install(release_folder)
    boto3.client("s3").upload_file(
        str(release_folder / "manifest.json"),
        settings.release_bucket,
        f"releases/{release_folder.name}/manifest.json",
    )
    return ApiGateway()


@pytest.fixture
def install(settings: SearchSettings) -> Callable[[Path], None]:
    """Make a release live that was downloaded before: quicker than `publish`, for tests of what comes after."""

    def make_live(folder: Path) -> None:
        (Path(settings.release_folder) / folder.name).symlink_to(folder)
        move_pointer(folder.name, settings.pointer_table, settings.index_name)

    return make_live
