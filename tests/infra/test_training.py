"""What is deployed for training: pipelines whole and within the stage's limits, code that runs alone, narrow roles."""

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from importlib.metadata import packages_distributions

import pytest

from infra.stage import Training
from infra.training_code import requirements, write_archive
from infra.training_stack import for_stage
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.graph import STEPS
from sagemaker_jobs.pipeline_definitions import TRAINING, TUNING, definition

PIPELINES = pytest.mark.parametrize("name", [TRAINING, TUNING])


def body(synthesised, name):
    """A deployed pipeline's definition; what CloudFormation fills in is `?`."""
    (found,) = [
        each["PipelineDefinition"]["PipelineDefinitionBody"]
        for each in synthesised.resources("training", "AWS::SageMaker::Pipeline").values()
        if each["PipelineName"].endswith(name)
    ]
    return "".join(part if isinstance(part, str) else "?" for part in found["Fn::Join"][1])


def jobs(made):
    """The arguments of each step that runs a job."""
    arguments = [step["Arguments"] for step in made["Steps"]]
    return [job for each in arguments if "RoleArn" in (job := each.get("TrainingJobDefinition", each))]


def role_described(synthesised, description):
    """The logical id of the role of that description."""
    roles = synthesised.resources("training", "AWS::IAM::Role").items()
    (role,) = [name for name, each in roles if each["Description"] == description]
    return role


@PIPELINES
def test_a_pipeline_is_deployed_whole_with_every_placeholder_filled_in(dev, name):
    text = body(dev, name)

    made = json.loads(text)

    assert "${" not in text
    assert [step["Name"] for step in made["Steps"]] == [step["Name"] for step in definition(name)["Steps"]]
    assert all(job["RoleArn"] == "?" for job in jobs(made))


def test_what_is_deployed_carries_the_stages_name(dev, synthesised_stage):
    def names(synthesised):
        pipelines = synthesised.resources("training", "AWS::SageMaker::Pipeline").values()
        groups = synthesised.resources("storage", "AWS::SageMaker::ModelPackageGroup").values()
        return {each["PipelineName"] for each in pipelines} | {each["ModelPackageGroupName"] for each in groups}

    assert names(dev) == {"vitrine-dev-training", "vitrine-dev-tuning", "vitrine-dev"}
    assert not names(dev) & names(synthesised_stage("prod"))


def test_a_stage_that_does_not_train_has_nothing_of_it(synthesise):
    without = synthesise("dev", training=None)

    assert [path.name for path in without.templates() if "training" in path.name] == []
    assert len(without.resources("storage", "AWS::S3::Bucket")) == 1
    assert not without.resources("storage", "AWS::SageMaker::ModelPackageGroup")


def test_the_local_stage_has_what_starts_a_run_and_nothing_of_sagemaker(synthesised_stage):
    local = synthesised_stage("local")

    assert [path.name for path in local.templates() if "training" in path.name] == [
        "vitrine-local-retraining.template.json"
    ]
    kinds = [each["Type"] for path in local.templates() for each in json.loads(path.read_text())["Resources"].values()]
    assert len(kinds) > 50
    assert not [kind for kind in kinds if kind.startswith("AWS::SageMaker")]


@PIPELINES
def test_a_stages_machines_are_what_a_run_has_by_default(name):
    training = Training(cpu_instance="ml.c", gpu_instance="ml.g", distributed_instance="ml.d", distributed_instances=3)
    wanted = {
        "cpu-instance": "ml.c",
        "gpu-instance": "ml.g",
        "distributed-instance": "ml.d",
        "distributed-instances": 3,
    }

    made = for_stage(definition(name), training)

    stated = {each["Name"]: each.get("DefaultValue") for each in made["Parameters"]}
    assert stated | wanted == stated | {each: wanted[each] for each in wanted.keys() - stated.keys()}
    assert "DefaultValue" not in next(each for each in made["Parameters"] if each["Name"] == "snapshot")


@PIPELINES
def test_no_job_runs_or_waits_longer_than_the_stage_allows(name):
    made = for_stage(definition(name), Training(max_hours=2, max_wait_hours=5))

    limits = [job["StoppingCondition"] for job in jobs(made)]

    assert {each["MaxRuntimeInSeconds"] for each in limits} == {7200}
    assert {each["MaxWaitTimeInSeconds"] for each in limits if "MaxWaitTimeInSeconds" in each} == {18000}


@PIPELINES
def test_without_spare_machines_nothing_waits_for_one(name):
    made = for_stage(definition(name), Training(spot=False))

    assert not [job for job in jobs(made) if job.get("EnableManagedSpotTraining")]
    assert not [job for job in jobs(made) if "MaxWaitTimeInSeconds" in job["StoppingCondition"]]
    assert definition(name) != made  # there was something to take away


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"max_wait_hours": 1}, "at least max_hours, 12"),
        ({"run_days": 30}, "more than 30"),
        ({"budget_dollars_a_month": 29}, "is 29: expected at least run_dollars, 30"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(changed, told):
    with pytest.raises(ValueError, match=told):
        replace(Training(), **changed)


def test_results_that_a_later_run_may_take_are_still_there(dev):
    (expiry,) = {step["CacheConfig"]["ExpireAfter"] for step in definition(TRAINING)["Steps"] if "CacheConfig" in step}
    buckets = dev.resources("storage", "AWS::S3::Bucket").values()
    rules = [rule for bucket in buckets for rule in bucket["LifecycleConfiguration"]["Rules"]]

    gone = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}

    assert gone.keys() == {"runs/", "checkpoints/", "captured/"}  # neither a snapshot nor what was registered
    assert min(gone["runs/"], gone["checkpoints/"]) > int(re.fullmatch(r"P(\d+)D", expiry)[1])


def test_jobs_read_and_write_their_own_parts_of_one_bucket_and_change_no_snapshot(dev):
    role = role_described(dev, "What a training job may do")

    found = dev.allowed(role, "s3")

    written = " ".join(resource for action, resource in found if action == "PutObject")
    assert all(f"/{prefix}/*" in written for prefix in ("runs", "checkpoints", "candidates"))
    assert "snapshots" not in written
    assert {action for action, _ in found} == {"GetObject", "PutObject", "ListBucket"}
    assert not dev.allowed(role, "sagemaker") | dev.allowed(role, "iam")


def test_a_pipeline_hands_over_one_role_to_sagemaker_alone(dev):
    role = role_described(dev, "What a pipeline may do")

    (handed,) = [each for each in dev.statements(role) if "iam:PassRole" in each["Action"]]

    (passed,) = handed["Resource"]
    assert passed["Fn::GetAtt"][0].startswith("Jobs")
    assert handed["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert not dev.actions(role) & {"sagemaker:UpdateModelPackage", "s3:PutObject"}  # it approves nothing


def test_roles_are_taken_by_sagemaker_on_behalf_of_this_account_alone(dev):
    for role in dev.resources("training", "AWS::IAM::Role").values():
        (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": "sagemaker.amazonaws.com"}
        assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize(("name", "policy"), [("dev", "Delete"), ("prod", "Retain")])
def test_the_registry_outlives_its_stack_only_where_the_stage_asks(synthesised_stage, name, policy):
    resources = synthesised_stage(name).template("storage")["Resources"].values()

    (group,) = [each for each in resources if each["Type"] == "AWS::SageMaker::ModelPackageGroup"]

    assert group["DeletionPolicy"] == policy


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    write_archive(folder / "jobs.tar.gz")
    with tarfile.open(folder / "jobs.tar.gz") as archive:
        archive.extractall(folder / "code", filter="data")
    return folder / "code"


def test_the_same_code_is_the_same_archive(tmp_path):
    for name in ("one", "other"):
        write_archive(tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_archive_holds_the_jobs_and_nothing_that_only_the_deployment_needs(unpacked):
    assert {path.name for path in unpacked.iterdir()} == {"relevance", "models", "sagemaker_jobs", "requirements.txt"}
    assert not (unpacked / "models" / "artefacts").exists()
    assert not (unpacked / "sagemaker_jobs" / "pipelines").exists()
    assert not list(unpacked.rglob("__pycache__"))


def test_every_package_that_a_job_imports_is_the_containers_or_pinned(unpacked):
    providers = packages_distributions()
    pinned = {
        requirement.partition("==")[0].lower() for requirement in (unpacked / "requirements.txt").read_text().split()
    }
    ours = {path.name for path in unpacked.iterdir()}

    imported = {
        name.partition(".")[0]
        for file in unpacked.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in imported_by(node)
    }
    needed = imported - ours - sys.stdlib_module_names - {"torch"}

    assert {"numpy", "transformers"} <= needed
    assert [name for name in needed if not pinned & {each.lower() for each in providers[name]}] == ["pydantic_core"]


def imported_by(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_packages_are_pinned_as_in_the_project(unpacked, tmp_path):
    loose = tmp_path / "pyproject.toml"
    loose.write_text(
        '[project]\ndependencies = ["numpy>=2"]\n[dependency-groups]\njobs = []\ntraining = []\n', encoding="utf-8"
    )

    assert (unpacked / "requirements.txt").read_text().splitlines() == requirements()
    with pytest.raises(ValueError, match="numpy>=2 is not pinned"):
        requirements(loose)


def test_the_containers_program_runs_the_job_that_it_is_told_of_from_the_archive_alone(unpacked):
    environment = {"PATH": os.environ["PATH"], "VITRINE_JOB": "prepare"}

    told = subprocess.run(
        [sys.executable, "sagemaker_jobs/on_sagemaker.py", "--help"],
        cwd=unpacked,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "sagemaker_jobs.prepare" in told
    assert "--catalogue" in told


def test_every_job_of_the_graph_is_in_the_archive(unpacked):
    absent = [job.name for job in STEPS if not (unpacked / "sagemaker_jobs" / f"{job.name}.py").is_file()]

    assert absent == []
    assert PROJECT not in unpacked.parents
