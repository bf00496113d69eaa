"""`vitrine quality` and `vitrine judgments` against a stage in moto; CloudFormation's answer alone is not real."""

import boto3
import botocore.client
import pytest

from cli.main import main
from functions.aws.quality_store import QualityStore
from functions.aws.release_pointer import move_pointer
from tests.functions.conftest import surroundings

TABLE = "query,product_id,rating\nlamp,p1,3\nlamp,p2,0\nsofa,p1,0\n"
NOBODY = "http://127.0.0.1:9"
"""A port that no program of ours listens on."""


@pytest.fixture(autouse=True)
def stage(tmp_path, monkeypatch):
    """The resources that the stacks of stage `dev` name."""
    send = botocore.client.BaseClient._make_api_call
    outputs = {"ReleaseBucket": "releases", "PointerTable": "pointer", "ApiAddress": NOBODY, "ApiId": "api"}

    def answer(client, operation, parameters):
        if operation != "DescribeStacks":
            return send(client, operation, parameters)
        assert parameters["StackName"].startswith("vitrine-dev-")
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]}]}

    with surroundings(tmp_path / "releases") as settings:
        boto3.client("ssm").put_parameter(
            Name="/vitrine/dev/keys",
            Value=boto3.client("ssm").get_parameter(Name=settings.key_parameter, WithDecryption=True)["Parameter"][
                "Value"
            ],
            Type="SecureString",
        )
        boto3.client("logs").create_log_group(logGroupName="/vitrine/dev/assemble_results")
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
        yield


def put(folder, content=TABLE, name="mine.csv"):
    (folder / name).write_text(content)
    return main(["judgments", "put", str(folder / name), "--stage", "dev"])


def test_a_table_of_judgments_is_put_and_what_cannot_be_asked_is_told(tmp_path, capsys):
    assert put(tmp_path) == 0

    said = capsys.readouterr().out
    assert "2 queries with 3 ratings in s3://releases/judgments/judgments.jsonl" in said
    assert "1 of them have no product rated 1 or more" in said
    assert QualityStore("releases").judgments() == {"lamp": {"p1": 3.0, "p2": 0.0}, "sofa": {"p1": 0.0}}


def test_json_lines_are_taken_as_well(tmp_path):
    assert put(tmp_path, '{"query": "Stehlampe groß", "product_id": "p1", "rating": 2}\n', "mine.jsonl") == 0

    assert QualityStore("releases").judgments() == {"Stehlampe groß": {"p1": 2.0}}


def test_a_line_that_is_no_judgment_leaves_those_that_were_put(tmp_path, capsys):
    put(tmp_path)

    assert put(tmp_path, '{"query": "lamp"}\n', "broken.jsonl") == 1

    assert "broken.jsonl line 1: expected an object" in capsys.readouterr().err
    assert "lamp" in QualityStore("releases").judgments()


def test_a_stage_without_a_release_says_so(capsys):
    assert main(["quality", "--stage", "dev"]) == 0

    said = capsys.readouterr().out
    assert "Release none is live" in said
    assert "vitrine judgments put" in said


def test_an_api_that_is_away_answers_none_of_the_judged_queries(tmp_path, capsys):
    move_pointer("r1", "pointer", "products")
    put(tmp_path)

    assert main(["quality", "--stage", "dev"]) == 0

    said = capsys.readouterr().out
    assert "1 judged queries asked over the API, 0.0% answered." in said
    assert "carries no baseline" in said
