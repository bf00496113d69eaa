"""Fixtures that several rooms share."""

import os
from pathlib import Path

import pytest

from tests.builders import a_release

# boto3 signs with these; no test ever reaches an account.
os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "1")


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of eight products whose ranker goes by the fused score; read only."""
    return a_release(tmp_path_factory.mktemp("release"), weights={"fused": 1.0})
