"""The functions' surroundings: a bucket, a table and the keys, in moto."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from functions.assemble_results import handler as assemble_results
from functions.aws import clients, release_pointer
from functions.aws.key_store import key_store, write_keys
from functions.environment import SearchSettings
from functions.keys import KeyRing, key_hash
from functions.manage_catalogue import handler as manage_catalogue
from functions.manage_catalogue.settings import CatalogueSettings
from functions.monitor_quality import handler as monitor_quality
from functions.preprocess_query import handler as preprocess_query
from functions.publish_release import handler as publish_release
from functions.query_vectors import query_vectors
from functions.rerank import handler as rerank
from functions.serving import serving
from tests.api_gateway import ApiGateway, Context

CACHES = (
    clients.s3,
    clients.dynamodb,
    clients.dynamodb_once,
    clients.sagemaker,
    clients.ssm,
    clients.lambda_,
    clients.sagemaker_runtime,
    clients.logs,
    key_store,
    serving,
    query_vectors,
    assemble_results.settings,
    assemble_results.remembered,
    manage_catalogue.settings,
    monitor_quality.settings,
    preprocess_query.settings,
    publish_release.settings,
    rerank.settings,
)


@pytest.fixture
def lambda_context() -> Context:
    return Context()


@contextmanager
def surroundings(folder: Path) -> Iterator[CatalogueSettings]:
    """Settings in the environment, and the resources they name in moto; every cache is empty, before and after."""
    settings = CatalogueSettings(
        release_bucket="releases",
        pointer_table="pointer",
        key_parameter="/vitrine/keys",
        release_folder=str(folder),
        catalogue_table="catalogue",
    )
    with pytest.MonkeyPatch.context() as patched, mock_aws():
        for name, value in settings.to_environment().items():
            patched.setenv(name, value)
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


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[CatalogueSettings]:
    """Surroundings of one test's own."""
    with surroundings(tmp_path) as settings:
        yield settings


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
    return lambda folder: release_pointer.publish_release(
        folder, settings.release_bucket, settings.pointer_table, settings.index_name
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, release_folder: Path) -> Iterator[ApiGateway]:
    """All routes, over a shop that a module's tests share, its manifest in the bucket."""
    with surroundings(tmp_path_factory.mktemp("releases")) as settings:
        installed(settings, release_folder)
        boto3.client("s3").upload_file(
            str(release_folder / "manifest.json"),
            settings.release_bucket,
            f"releases/{release_folder.name}/manifest.json",
        )
        yield ApiGateway()


@pytest.fixture
def install(settings: SearchSettings) -> Callable[[Path], None]:
    """Make a release live that was downloaded before: quicker than `publish`, for tests of what comes after."""
    return partial(installed, settings)


def installed(settings: SearchSettings, folder: Path) -> None:
    """The release in `folder` is downloaded and live."""
    (Path(settings.release_folder) / folder.name).symlink_to(folder)
    release_pointer.move_pointer(folder.name, settings.pointer_table, settings.index_name)
