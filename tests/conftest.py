"""Fixtures that several rooms share."""

import os
from pathlib import Path

import pytest

from sagemaker_jobs.catalogues import icecat
from sagemaker_jobs.folders import data_folder
from tests.builders import a_release

pytest_plugins = ("tests.local_cloud",)

# boto3 signs with these; no test ever reaches an account.
os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests share one local cloud: who changes its catalogue comes after who searches it, who ends it last."""
    late = ("changes_catalogue", "ends_local_cloud")
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in reversed(late)])


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of eight products whose ranker goes by the fused score; read only."""
    return a_release(tmp_path_factory.mktemp("release"), weights={"fused": 1.0})


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets; named by VITRINE_DATA but absent it is an error, else tests skip without it."""
    folder = data_folder()
    if not (folder / icecat.FILE).is_file():
        if "VITRINE_DATA" in os.environ:
            pytest.fail(f"VITRINE_DATA names {folder}, which has no {icecat.FILE}")
        pytest.skip(f"no {icecat.FILE} beside the project, and VITRINE_DATA names no other place")
    return folder
