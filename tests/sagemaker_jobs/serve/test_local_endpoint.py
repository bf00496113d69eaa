"""The endpoint beside the local cloud, as real processes: asked through boto3, killed, and started again."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import endpoint
from local.cloud import free_ports
from local.down import end_all
from local.folders import LocalFolder
from local.progress import Progress, StepFailed
from local.state import LocalState
from relevance.contracts.large_model import Vectors


@pytest.fixture
def local(tmp_path, packed, monkeypatch):
    """A folder and a state, as `make up` has them when the cloud runs; the model is packed already."""
    monkeypatch.setattr(endpoint, "pack_model", lambda progress, folder: packed)
    folder = LocalFolder(tmp_path)
    state = LocalState.read(folder.state_file)
    state.sagemaker_runtime_port, state.endpoint_port = free_ports(2)
    yield folder, state
    end_all(folder)


def ask(state):
    client = boto3.client(
        "sagemaker-runtime",
        endpoint_url=f"http://127.0.0.1:{state.sagemaker_runtime_port}",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        answer = client.invoke_endpoint(
            EndpointName=endpoint.ENDPOINT_NAME,
            Body=b'{"task": "encode_query", "texts": ["lamp"]}',
            ContentType="application/json",
            CustomAttributes="deadline_ms=60000",
        )
        return Vectors.model_validate_json(answer["Body"].read())
    finally:
        client.close()


def test_it_answers_may_be_killed_and_comes_back_on_its_port(local):
    folder, state = local
    endpoint.start_endpoint(Progress(began=0), folder, state)
    first = ask(state)

    state.servers["endpoint"].end()
    with pytest.raises(ClientError) as gone:
        ask(state)
    endpoint.start_endpoint(Progress(began=0), folder, LocalState.read(folder.state_file))

    assert gone.value.response["Error"]["Code"] == "ModelError"
    assert ask(state) == first


def test_what_was_started_is_ended_with_the_rest(local):
    folder, state = local
    endpoint.start_endpoint(Progress(began=0), folder, state)

    ended = end_all(folder)

    assert ended == ["sagemaker_runtime", "endpoint"]
    assert not any(server.is_running() for server in state.servers.values())


def test_an_encoder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ENDPOINT_MODEL", str(tmp_path / "none"))

    with pytest.raises(StepFailed, match=r"none: no such folder"):
        endpoint.pack_model(Progress(began=0), LocalFolder(tmp_path))
