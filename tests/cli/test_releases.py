"""`vitrine release` against a bucket and a table in moto; only CloudFormation's answer is not real."""

import os
import re
import shlex
from argparse import Namespace

import boto3
import botocore.client
import pytest
from moto import mock_aws

from cli.main import main
from cli.releases import _place
from functions.aws import clients
from functions.aws.release_bucket import stored_manifest
from functions.aws.release_pointer import move_pointer, read_record
from local.processes import ServerProcess, start_mark
from local.state import LocalState
from local.train import conclude
from local.training_inputs import TrainingFolder
from local.training_run import Run
from relevance.contracts.training import Check, Verdict
from relevance.release_files import read_manifest
from sagemaker_jobs.dataset import STATISTICS
from sagemaker_jobs.release_copies import copied
from tests.builders import a_product, a_release

BUCKET, TABLE = "shop", "pointers"


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    """The bucket and the table that the storage stack of stage `dev` names."""
    send = botocore.client.BaseClient._make_api_call

    def answer(client, operation, parameters):
        if operation != "DescribeStacks":
            return send(client, operation, parameters)
        assert parameters == {"StackName": "vitrine-dev-storage"}
        named = {"ReleaseBucket": BUCKET, "PointerTable": TABLE}
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in named.items()]}]}

    for cached in (clients.s3, clients.dynamodb):
        cached.cache_clear()
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", answer)
        yield
    for cached in (clients.s3, clients.dynamodb):
        cached.cache_clear()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two releases without an encoder: of two products, and of three with a ranker."""
    folder = tmp_path_factory.mktemp("small")
    products = [a_product(f"p{number}", f"Lamp {number}") for number in range(3)]
    return [a_release(folder, products[:2], encoder=False), a_release(folder, products, encoder=False, weights={})]


@pytest.fixture
def vitrine(capsys):
    """A function that runs `vitrine release ... --stage dev`; returns its exit status and all that it said."""

    def run(action, *arguments):
        status = main(["release", action, *map(str, arguments), "--stage", "dev"])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def live():
    return read_record(TABLE, "products").live


def judged(folder, target, *, passed):
    """The release with a verdict of one check."""
    check = Check(objective="relevance", found=0.5, limit=0.4, unit="nDCG@10", passed=passed, reason="Found 0.5.")
    verdict = Verdict(passed=passed, checks=(check,), against=None, data="none")
    return copied(folder, target, verdict=verdict)


def test_a_folder_is_uploaded_and_live(vitrine, small):
    status, said = vitrine("publish", small[0], "--reason", "the first")

    assert status == 0
    assert f"live: {small[0].name}\nbefore: nothing\n" in said
    assert "every 30 s" in said
    assert live() == small[0].name
    assert (read_record(TABLE, "products").moves[0].moved_by, read_record(TABLE, "products").moves[0].reason) == (
        "person",
        "the first",
    )


def test_a_release_that_is_in_the_bucket_is_published_by_its_id(vitrine, small):
    for folder in small:
        vitrine("publish", folder)

    status, said = vitrine("publish", small[0].name)

    assert status == 0
    assert f"live: {small[0].name}\nbefore: {small[1].name}" in said
    assert live() == small[0].name


def test_an_id_that_is_not_in_the_bucket_is_refused_and_nothing_moves(vitrine, small):
    vitrine("publish", small[0])

    status, said = vitrine("publish", "20260101T000000-gone")

    assert (status, live()) == (1, small[0].name)
    assert "s3://shop/releases/20260101T000000-gone/manifest.json is not there" in said


def test_what_is_live_already_is_said_to_be(vitrine, small):
    vitrine("publish", small[0])

    assert "it was live already" in vitrine("publish", small[0])[1]
    assert read_record(TABLE, "products").version == 1


def test_a_release_that_misses_a_limit_is_published_only_by_force(vitrine, small, tmp_path):
    missed = judged(small[0], tmp_path, passed=False)

    status, said = vitrine("publish", missed)

    assert (status, live()) == (1, None)
    assert "Found 0.5. --force publishes it all the same" in said
    assert vitrine("publish", missed, "--force")[0] == 0
    assert live() == small[0].name


def test_a_release_that_was_rolled_back_is_published_only_by_force(vitrine, small):
    for folder in small:
        vitrine("publish", folder)
    vitrine("rollback", "--reason", "no prices")

    status, said = vitrine("publish", small[1].name)

    assert (status, live()) == (1, small[0].name)
    assert re.search(rf"release {small[1].name} was rolled back .* by rollback: no prices; --force", said)
    assert vitrine("publish", small[1].name, "--force")[0] == 0
    assert live() == small[1].name


def test_a_roll_back_says_what_is_live_and_how_soon_functions_see_it(vitrine, small):
    for folder in small:
        vitrine("publish", folder)

    status, said = vitrine("rollback")

    assert (status, live()) == (0, small[0].name)
    assert f"live: {small[0].name}\nrolled back from: {small[1].name}" in said
    assert "Functions look at the pointer every 30 s" in said


def test_a_second_roll_back_says_what_it_would_bring_back(vitrine, small):
    for folder in small:
        vitrine("publish", folder)
    vitrine("rollback")

    status, said = vitrine("rollback")

    assert (status, live()) == (1, small[0].name)
    assert f"before {small[0].name} release {small[1].name} was live, from which the pointer was rolled back" in said
    assert vitrine("rollback", "--to", small[1].name)[0] == 0
    assert live() == small[1].name


def test_without_a_release_before_there_is_no_roll_back(vitrine, small):
    vitrine("publish", small[0])

    status, said = vitrine("rollback")

    assert status == 1
    assert f"{small[0].name} is live, and nothing was before it" in said


def test_a_list_shows_every_release_newest_first_with_its_role_and_the_moves(vitrine, small, tmp_path):
    vitrine("publish", judged(small[0], tmp_path, passed=True))
    vitrine("publish", small[1], "--reason", "a ranker")

    status, said = vitrine("list")

    releases, moves = said.split("\nmoves of the pointer, the newest first\n")
    newest_first = sorted((folder.name for folder in small), reverse=True)
    assert status == 0
    assert [re.search(r"\d{8}T\d{6}-\w+", line)[0] for line in releases.splitlines()] == newest_first
    assert re.search(rf"^previous  {small[0].name}  made .*, 2 products, encoder none, .* verdict passed$", said, re.M)
    assert re.search(rf"^live      {small[1].name}  made .*, 3 products, .* ranker linear-1, verdict none$", said, re.M)
    assert [line.split()[0] for line in moves.splitlines()] == [small[1].name, small[0].name]
    assert "by person: a ranker" in moves


def test_a_list_names_what_is_not_whole_and_goes_on(vitrine, small):
    vitrine("publish", small[0])
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key="releases/1-begun/card.md", Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="releases/2-strange/manifest.json", Body=b"{}")
    s3.put_object(Bucket=BUCKET, Key=f"releases/{small[0].name}/card.md", Body=b"x")
    move_pointer("3-gone", TABLE, "products")

    status, said = vitrine("list")

    assert status == 0
    assert "1-begun  NOT WHOLE: release 1-begun: s3://shop/releases/1-begun/manifest.json is not there\n" in said
    assert (
        "2-strange  NOT WHOLE: release 2-strange: s3://shop/releases/2-strange/manifest.json is not understood" in said
    )
    assert re.search(rf"previous  {small[0].name}  NOT WHOLE: .*card.md has 1 bytes; the manifest promises", said)
    assert "live      3-gone  NOT THERE" in said


def test_an_empty_bucket_is_listed_as_such(vitrine):
    assert vitrine("list") == (0, "no release is in shop\n\nnothing was ever published\n")


def test_a_difference_is_by_default_that_of_live_from_the_one_before(vitrine, small, tmp_path):
    vitrine("publish", judged(small[0], tmp_path, passed=True))
    vitrine("publish", small[1])
    features = read_manifest(small[1]).feature_names

    status, said = vitrine("diff")

    lines = said.splitlines()
    assert status == 0
    assert lines[0] == f"{small[0].name} -> {small[1].name}"
    assert {
        "ranker id: none -> linear-1",
        "products: 2 -> 3 (+1)",
        f"features added: {', '.join(features)}",
        "verdict: passed -> none",
        "check relevance: passed (0.5) -> none",
    } <= set(lines)
    assert any(re.fullmatch(r"MB of all: [\d.]+ -> [\d.]+ \(\+[\d.]+\)", line) for line in lines)


def test_a_folder_may_be_compared_before_it_is_published(vitrine, small):
    vitrine("publish", small[0])

    status, said = vitrine("diff", small[0].name, small[1])

    assert (status, live()) == (0, small[0].name)
    assert "products: 2 -> 3 (+1)" in said


def test_a_difference_needs_two_releases(vitrine, small):
    vitrine("publish", small[0])

    status, said = vitrine("diff")

    assert status == 1
    assert f"live is {small[0].name}, previous none; name two releases to compare" in said


def test_bucket_and_table_may_be_named_instead_of_a_stage_but_both(small, capsys):
    assert main(["release", "publish", str(small[0]), "--bucket", BUCKET, "--table", TABLE]) == 0
    assert live() == small[0].name

    assert main(["release", "list", "--bucket", BUCKET]) == 1
    assert "--bucket is shop, --table is None: expected both" in capsys.readouterr().err


def test_old_releases_are_deleted_but_none_in_use(vitrine, small):
    for folder in small:
        vitrine("publish", folder)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="releases/1-old/manifest.json", Body=b"x")

    assert vitrine("prune", "--keep", "1") == (0, "deleted: 1-old\n")
    assert vitrine("prune", "--keep", "0")[0] == 1


def test_what_training_registered_is_live_by_the_command_that_it_ends_with(small, tmp_path):
    folder = TrainingFolder(tmp_path / "training")
    run = Run.begin(folder.runs, "shop-small", {})
    judged(small[1], folder.steps / "evaluate" / "key" / "result", passed=True)
    (folder.steps / "prepare" / "key" / "result").mkdir(parents=True)
    (folder.steps / "prepare" / "key" / "result" / STATISTICS).touch()
    for step in ("evaluate", "prepare"):
        run.step(step, "done", folder.steps / step / "key")

    told = conclude(folder, run, passed=True)

    _, *command = shlex.split(re.search(r"vitrine release publish .*", told)[0])
    assert main([*command, "--bucket", BUCKET, "--table", TABLE]) == 0
    assert live() == small[1].name
    assert stored_manifest(BUCKET, small[1].name).verdict.passed


def test_the_local_cloud_is_asked_by_default_and_only_if_it_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VITRINE_LOCAL_FOLDER", str(tmp_path))

    assert main(["release", "list"]) == 1
    assert "no local cloud of this checkout is running" in capsys.readouterr().err


def test_the_running_local_cloud_is_where_its_state_says(tmp_path, monkeypatch):
    own = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": "mine", "VITRINE_LOCAL_FOLDER": str(tmp_path)}
    monkeypatch.setattr(os, "environ", {**os.environ, **own})
    here = ServerProcess("cloud", os.getpid(), start_mark(os.getpid()))
    outputs = {"ReleaseBucket": "local-releases", "PointerTable": "local-pointers"}
    LocalState(tmp_path / "state.json", {"cloud": here}, cloud_port=4599, outputs=outputs).write()

    place = _place(Namespace(stage="local", bucket=None, table=None))

    assert (place.bucket, place.table, place.pointer_seconds) == ("local-releases", "local-pointers", 2.0)
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4599"
    assert "AWS_PROFILE" not in os.environ
