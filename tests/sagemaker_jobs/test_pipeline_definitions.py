"""The pipelines' definitions say what the graph of jobs says, and SageMaker takes them."""

import importlib
import json
import os
import re
import subprocess
from string import Template

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sagemaker_jobs.configuration import read_configuration
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.graph import GATE, INPUTS, KINDS, STEPS, needs
from sagemaker_jobs.job import metric_regex
from sagemaker_jobs.pipeline_definitions import (
    CONFIGURATION,
    FOLDER,
    PLACEHOLDERS,
    SEED,
    SNAPSHOT,
    TRAINING,
    TUNING,
    definition,
    parameter_name,
)

SDK_PYTHON = PROJECT / ".local" / "sagemaker" / "bin" / "python"

BY_NAME = {job.name: job for job in STEPS}
EVERY_JOB = pytest.mark.parametrize("job", STEPS, ids=BY_NAME)

FILLED_IN = {
    "Role": "arn:aws:iam::123456789012:role/training",
    "Bucket": "training-data",
    "CodeBucket": "code",
    "CodeKey": "0123.tar.gz",
    "Commit": "b325f08",
    "ImageRegistry": "763104351884.dkr.ecr.eu-west-1.amazonaws.com",
    "ModelPackageGroup": "vitrine-dev",
}

PROPERTIES = {
    "ModelArtifacts.S3ModelArtifacts": "s3://training-data/runs/1/{step}/output/model.tar.gz",
    "TrainingJobName": "pipelines-1-{step}",
    "FinalMetricDataList['gate:passed'].Value": 1.0,
    "FinalMetricDataList['test:ndcg10'].Value": 0.75,
}
"""What a step that ran would answer."""


@pytest.fixture(scope="module")
def training():
    return definition(TRAINING)


@pytest.fixture(scope="module")
def steps(training):
    return {step["Name"]: step for step in training["Steps"]}


def filled_in(definition):
    """As the stack leaves it."""
    return json.loads(Template(json.dumps(definition)).substitute(FILLED_IN))


def as_run(value, parameters):
    """What SageMaker would make of arguments, in the run with these parameters."""
    if isinstance(value, list):
        return [as_run(each, parameters) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Std:Join"}:
        join = value["Std:Join"]
        return join["On"].join(str(as_run(each, parameters)) for each in join["Values"])
    if value.keys() == {"Get"}:
        kind, _, name = value["Get"].partition(".")
        if kind == "Parameters":
            return parameters[name]
        if kind == "Execution":
            return "execution-1"
        step, _, found = name.partition(".")
        answer = PROPERTIES[found]
        return answer.format(step=step) if isinstance(answer, str) else answer
    return {key: as_run(each, parameters) for key, each in value.items()}


def parameters_of(definition, **given):
    return {each["Name"]: each.get("DefaultValue") for each in definition["Parameters"]} | {SNAPSHOT: "monday"} | given


def arguments_as_run(definition, step, **given):
    (found,) = [each for each in filled_in(definition)["Steps"] if each["Name"] == step]
    return as_run(found["Arguments"], parameters_of(definition, **given))


def test_the_sdk_writes_the_definitions_as_they_are_without_an_account_or_a_network(tmp_path):
    nobody = "http://127.0.0.1:9"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "HTTP_PROXY": nobody, "HTTPS_PROXY": nobody}

    checked = subprocess.run(
        [SDK_PYTHON, "-m", "sagemaker_jobs.pipeline_definitions", "--check"],
        cwd=PROJECT,
        env=environment,  # without a seed for hashes: what is written depends on no order of a set
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_job_is_a_step_after_those_that_it_needs(steps):
    order = list(steps)

    assert set(order) == {*BY_NAME, "gate"}
    assert all(order.index(before) < order.index(job.name) for job in STEPS for before in needs(job))


@EVERY_JOB
def test_a_job_reads_the_channels_of_the_graph_from_the_steps_that_write_them(training, job):
    channels = arguments_as_run(training, job.name)["InputDataConfig"]

    assert {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in channels} == {
        channel: f"s3://training-data/snapshots/monday/{source}/"
        if source in INPUTS
        else f"s3://training-data/runs/1/{source}/output/model.tar.gz"
        for channel, source in job.inputs.items()
    }


@EVERY_JOB
def test_a_job_that_only_follows_another_says_so(steps, job):
    assert steps[job.name].get("DependsOn", []) == sorted(job.after)


@EVERY_JOB
def test_a_jobs_metrics_are_found_in_its_log(steps, job):
    found = steps[job.name]["Arguments"]["AlgorithmSpecification"].get("MetricDefinitions", [])

    assert {each["Name"]: each["Regex"] for each in found} == {name: metric_regex(name) for name in job.metrics}


@EVERY_JOB
def test_a_jobs_options_are_parameters_of_the_pipeline(training, job):
    given = {parameter_name(job.name, option): f"given-{option}" for option in job.parameters}

    arguments = arguments_as_run(training, job.name, **given)

    options = {key: value for key, value in arguments["HyperParameters"].items() if not key.startswith("sagemaker_")}
    assert options == {option: f"given-{option}" for option in job.parameters}
    assert arguments["Environment"]["VITRINE_JOB"] == job.name


@pytest.mark.parametrize("name", [TRAINING, TUNING])
def test_a_parameters_type_and_default_are_the_graphs_and_the_configurations(name):
    kinds = {int: "Integer", float: "Float", str: "String"}
    configured = read_configuration(CONFIGURATION).options
    wanted = {
        parameter_name(job, option): (kinds[KINDS[option]], value)
        for job, options in configured.items()
        for option, value in options.items()
        if option != SEED
    }

    stated = {each["Name"]: (each["Type"], each.get("DefaultValue")) for each in definition(name)["Parameters"]}

    assert stated[SNAPSHOT] == ("String", None)  # there is no run without one
    assert stated.keys() & wanted.keys()
    assert {each: stated[each] for each in stated.keys() & wanted.keys()} == {
        each: wanted[each] for each in stated.keys() & wanted.keys()
    }


def test_every_option_of_the_graph_is_configured_for_aws():
    configured = read_configuration(CONFIGURATION).options

    assert {job.name: {*job.parameters} - {SEED} for job in STEPS if {*job.parameters} - {SEED}} == {
        job: {*options} - {SEED} for job, options in configured.items()
    }


@EVERY_JOB
def test_a_job_that_can_go_on_runs_on_spare_machines_and_any_other_does_not(training, job):
    arguments = arguments_as_run(training, job.name)

    waits = "MaxWaitTimeInSeconds" in arguments["StoppingCondition"]
    kept = arguments.get("CheckpointConfig", {}).get("LocalPath")
    assert (arguments.get("EnableManagedSpotTraining", False), waits) == (job.interruptible, job.interruptible)
    assert kept == arguments["Environment"].get("SM_CHECKPOINT_DIR")
    assert (kept is not None) == job.interruptible


@pytest.mark.parametrize("job", [job for job in STEPS if job.interruptible], ids=lambda job: job.name)
def test_a_checkpoint_is_met_again_only_by_a_run_with_the_same_code_data_and_options(training, job):
    wanted, before = {job.name}, set()
    while wanted - before:
        before |= wanted
        wanted = {name for each in before for name in needs(BY_NAME[each])}
    options = {parameter_name(each, option) for each in before for option in BY_NAME[each].parameters}

    def kept(**given):
        return arguments_as_run(training, job.name, **given)["CheckpointConfig"]["S3Uri"]

    assert kept() == kept()
    assert "0123.tar.gz" in kept()
    assert all(kept(**{name: "another"}) != kept() for name in {SNAPSHOT, *options})


@EVERY_JOB
def test_torchrun_starts_what_can_be_distributed_and_nothing_else(training, job):
    arguments = arguments_as_run(training, job.name, **{"distributed-instances": 4})

    started = arguments["HyperParameters"].get("sagemaker_torch_distributed_enabled") == "true"
    assert started == job.distributed
    assert arguments["ResourceConfig"]["InstanceCount"] == (4 if job.distributed else 1)
    assert arguments.get("EnableInterContainerTrafficEncryption", False) == job.distributed


@EVERY_JOB
def test_a_job_has_the_container_and_the_machine_that_the_graph_asks_for(training, job):
    chosen = {f"{job.machine}-instance": "ml.chosen", "distributed-instance": "ml.several"}

    arguments = arguments_as_run(training, job.name, **chosen)

    assert f"-{job.machine}-py3" in arguments["AlgorithmSpecification"]["TrainingImage"]
    assert arguments["ResourceConfig"]["InstanceType"] == ("ml.several" if job.distributed else "ml.chosen")


@EVERY_JOB
def test_only_a_repeatable_result_is_taken_from_an_earlier_run(steps, job):
    assert steps[job.name].get("CacheConfig", {}).get("Enabled", False) == job.repeatable


@EVERY_JOB
def test_a_want_of_machines_is_waited_out_and_a_fault_of_the_job_is_not(steps, job):
    retried = {kind for policy in steps[job.name]["RetryPolicies"] for kind in policy["ExceptionType"]}

    assert {"SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR", "Step.THROTTLING"} <= retried
    assert not [kind for kind in retried if "ALGORITHM" in kind]


def test_the_gate_registers_for_approval_or_ends_the_run_with_the_cause(training):
    decides, metric = GATE

    gate = arguments_as_run(training, "gate")

    assert gate["Conditions"] == [{"Type": "GreaterThanOrEqualTo", "LeftValue": 1.0, "RightValue": 1}]
    assert f"Steps.{decides}.FinalMetricDataList['{metric}'].Value" in json.dumps(training)
    ((registered,), (refused,)) = gate["IfSteps"], gate["ElseSteps"]
    assert (registered["Type"], refused["Type"]) == ("RegisterModel", "Fail")
    assert registered["Arguments"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert "relevance/objectives.py" in refused["Arguments"]["ErrorMessage"]
    assert "pipelines-1-evaluate" in refused["Arguments"]["ErrorMessage"]


def test_the_model_card_is_filled_in_when_the_run_knows(training):
    (registered,) = arguments_as_run(training, "gate")["IfSteps"]

    card = json.loads(registered["Arguments"]["ModelCard"]["ModelCardContent"])

    (figure,) = card["evaluation_details"][0]["metric_groups"][0]["metric_data"]
    assert figure == {"name": "ndcg10", "type": "number", "value": 0.75}
    assert card["model_overview"]["model_artifact"] == [
        PROPERTIES["ModelArtifacts.S3ModelArtifacts"].format(step="evaluate")
    ]
    assert card["additional_information"]["custom_details"] == {"snapshot": "monday", "commit": "b325f08"}


def test_tuning_looks_for_the_metric_that_the_job_tells(training):
    tuned = arguments_as_run(definition(TUNING), "tune_encoder")
    config, job = tuned["HyperParameterTuningJobConfig"], tuned["TrainingJobDefinition"]

    wanted = config["HyperParameterTuningJobObjective"]["MetricName"]
    ranges = {each["Name"] for each in config["ParameterRanges"]["ContinuousParameterRanges"]}

    assert wanted in BY_NAME["train_encoder"].metrics
    assert wanted in [each["Name"] for each in job["AlgorithmSpecification"]["MetricDefinitions"]]
    assert ranges
    given = {option for option in job["StaticHyperParameters"] if not option.startswith("sagemaker_")}
    assert given | ranges == BY_NAME["train_encoder"].parameters.keys()
    assert not given & ranges


@pytest.mark.parametrize("name", [TRAINING, TUNING])
def test_a_definition_names_no_account_and_no_region(name):
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")

    assert set(re.findall(r"\$\{(\w+)\}", text)) == PLACEHOLDERS.keys() - (
        {"ModelPackageGroup"} if name == TUNING else set()
    )
    assert PLACEHOLDERS.keys() == FILLED_IN.keys()
    assert re.findall(r"\b\d{12}\b|\b[a-z]{2}-[a-z]+-\d\b|amazonaws", text) == []


@EVERY_JOB
def test_a_jobs_command_line_takes_its_channels_and_options(job, capsys):
    module = importlib.import_module(f"sagemaker_jobs.{job.name}")

    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])

    told = set(re.findall(r"--[a-z0-9_-]+", capsys.readouterr().out))
    assert ended.value.code == 0
    assert {f"--{name}" for name in (*job.inputs, *job.parameters, "output")} <= told


@pytest.fixture(scope="module")
def sagemaker():
    with mock_aws():
        yield boto3.client("sagemaker", region_name="eu-west-1")


@pytest.mark.parametrize("name", [TRAINING, TUNING])
def test_sagemaker_takes_a_pipeline_and_starts_it(sagemaker, name):
    made = filled_in(definition(name))

    sagemaker.create_pipeline(
        PipelineName=name, PipelineDefinition=json.dumps(made), RoleArn=FILLED_IN["Role"], ClientRequestToken="t" * 32
    )
    started = sagemaker.start_pipeline_execution(
        PipelineName=name,
        PipelineParameters=[{"Name": SNAPSHOT, "Value": "monday"}],
        ClientRequestToken="t" * 32,
    )

    run = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=started["PipelineExecutionArn"])
    assert json.loads(run["PipelineDefinition"]) == made


@EVERY_JOB
def test_sagemaker_takes_a_step_as_a_training_job(sagemaker, training, job):
    arguments = arguments_as_run(training, job.name)

    sagemaker.create_training_job(TrainingJobName=f"pipelines-1-{job.name.replace('_', '-')}", **arguments)

    described = sagemaker.describe_training_job(TrainingJobName=f"pipelines-1-{job.name.replace('_', '-')}")
    assert described["HyperParameters"] == arguments["HyperParameters"]


def test_sagemaker_takes_the_tuning_of_the_encoder(sagemaker):
    arguments = arguments_as_run(definition(TUNING), "tune_encoder")

    sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName="tune", **arguments)

    (made,) = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    assert made["Strategy"] == "Bayesian"


def test_a_registered_release_waits_for_approval(sagemaker, training):
    (register,) = arguments_as_run(training, "gate")["IfSteps"]
    group = FILLED_IN["ModelPackageGroup"]
    sagemaker.create_model_package_group(ModelPackageGroupName=group)

    sagemaker.create_model_package(**register["Arguments"])

    (package,) = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["ModelPackageVersion"] == 1


def test_a_release_is_not_registered_without_its_group(sagemaker, training):
    (register,) = arguments_as_run(training, "gate")["IfSteps"]

    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.create_model_package(**register["Arguments"] | {"ModelPackageGroupName": "another"})
