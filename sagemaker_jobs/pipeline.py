"""The graph of training as SageMaker pipelines, built with SageMaker's own SDK, without an account or a network.

It needs an environment with the SDK, which is heavy and whose packages are not the project's, and the settings of
`pipeline_definitions.OFFLINE`, because the SDK makes clients when it is imported: `make pipelines` sees to both.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sagemaker.core import image_uris
from sagemaker.core.model_card import ModelCardContent
from sagemaker.core.shapes.model_card_shapes import (
    AdditionalInformation,
    EvaluationDetailsItem,
    IntendedUses,
    MetricGroupsItem,
    ModelOverview,
    SimpleMetric,
)
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import Parameter, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import Properties
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    RetryPolicy,
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ConfigurableRetryStep, StepTypeEnum, TrainingStep, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    MetricDefinition,
    Networking,
    OutputDataConfig,
    StoppingCondition,
)
from sagemaker.train.tuner import ContinuousParameter, HyperparameterTuner

from sagemaker_jobs.configuration import Value, read_configuration
from sagemaker_jobs.graph import GATE, INPUTS, KINDS, STEPS, Step, in_order, needs, step
from sagemaker_jobs.job import metric_regex
from sagemaker_jobs.pipeline_definitions import (
    CONFIGURATION,
    INSTANCES,
    MACHINES,
    SEED,
    SNAPSHOT,
    parameter_name,
)

TUNED = "train_encoder"
TUNED_RANGES: Mapping[str, tuple[float, float, str]] = MappingProxyType(
    {"learning-rate": (3e-6, 1e-4, "Logarithmic"), "keep": (0.0, 0.8, "Linear")}
)
"""Option -> the least, the highest, and how the values between them lie."""
TUNED_TOWARDS = "validation:ndcg10"
TRIALS, TRIALS_AT_ONCE = 12, 2

IMAGES = {"training": ("2.10.0", "py313"), "inference": ("2.6.0", "py312")}
"""AWS's newest PyTorch containers that this SDK knows, by purpose: version, and Python's."""
ROLE = "arn:aws:iam::000000000000:role/any"
"""What the SDK takes without asking IAM whether it exists."""
PROGRAM = "sagemaker_jobs/on_sagemaker.py"
CHECKPOINTS = "/opt/ml/checkpoints"
MAX_RUNTIME_SECONDS, MAX_WAIT_SECONDS = 12 * 3600, 24 * 3600
VOLUME_GB = 200
TAKEN_AGAIN_FOR = "P30D"
"""How long the result of a repeatable step may stand for that of a run with the same inputs."""


class _RegisterRelease(ConfigurableRetryStep):  # type: ignore[misc]  # the SDK is not where mypy runs
    """The SDK has no step that registers what is no endpoint's model: its own wants a container to serve with."""

    def __init__(self, name: str, request: Mapping[str, Any], retry_policies: list[RetryPolicy]) -> None:
        super().__init__(name, StepTypeEnum.REGISTER_MODEL, retry_policies=retry_policies)
        self._request = dict(request)
        self._properties = Properties(step_name=name, step=self, shape_name="DescribeModelPackageOutput")

    @property
    def arguments(self) -> dict[str, Any]:
        return self._request

    @property
    def properties(self) -> Properties:
        return self._properties


class _Definition:
    """One pipeline while it is being put together."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.session = _offline_session()
        self.graph = {each.name: each for each in in_order(steps)}
        self.options = read_configuration(CONFIGURATION).options
        self.parameters: dict[str, Parameter] = {SNAPSHOT: ParameterString(SNAPSHOT)}
        self.steps: dict[str, ConfigurableRetryStep] = {}

    def run_job(self, job: Step) -> None:
        """Add a job as a training step."""
        self.steps[job.name] = TrainingStep(
            job.name,
            step_args=self.trainer(job).train(),
            description=f"python -m sagemaker_jobs.{job.name}",
            depends_on=sorted(job.after) or None,
            cache_config=CacheConfig(enable_caching=True, expire_after=TAKEN_AGAIN_FOR) if job.repeatable else None,
            retry_policies=_job_retries(),
        )

    def trainer(self, job: Step, *, checkpoints: bool = True) -> ModelTrainer:
        """A job's container, machine, data and limits."""
        kept = job.interruptible and checkpoints
        trainer = ModelTrainer(
            sagemaker_session=self.session,
            role=ROLE,
            base_job_name=f"vitrine-{job.name.replace('_', '-')}",
            training_image=_image("training", machine=MACHINES[f"{job.machine}-instance"]),
            compute=self.machine(job),
            networking=Networking(enable_inter_container_traffic_encryption=True) if job.distributed else None,
            stopping_condition=StoppingCondition(
                max_runtime_in_seconds=MAX_RUNTIME_SECONDS,
                **({"max_wait_time_in_seconds": MAX_WAIT_SECONDS} if job.interruptible else {}),
            ),
            input_data_config=[
                InputData(channel_name=channel, data_source=self.source(name)) for channel, name in job.inputs.items()
            ],
            output_data_config=OutputDataConfig(
                s3_output_path=Join(
                    on="/",
                    values=[
                        "s3://${Bucket}/" + ("candidates" if job.name == GATE[0] else "runs"),
                        ExecutionVariables.PIPELINE_EXECUTION_ID,
                    ],
                )
            ),
            checkpoint_config=CheckpointConfig(s3_uri=self.checkpoints(job), local_path=CHECKPOINTS) if kept else None,
            environment={"VITRINE_JOB": job.name, "VITRINE_COMMIT": "${Commit}"}
            | ({"SM_CHECKPOINT_DIR": CHECKPOINTS} if kept else {}),
            hyperparameters=self.hyperparameters(job),
        )
        return trainer.with_metric_definitions(
            [MetricDefinition(name=name, regex=metric_regex(name)) for name in job.metrics]
        )

    def machine(self, job: Step) -> Compute:
        """A job's machine; one that can go on where it was interrupted runs on spare capacity."""
        if job.distributed:
            kind, count = "distributed-instance", self.parameter(INSTANCES, 1)
        else:
            kind, count = f"{job.machine}-instance", 1
        return Compute(
            instance_type=self.parameter(kind, MACHINES[kind]),
            instance_count=count,
            volume_size_in_gb=VOLUME_GB,
            enable_managed_spot_training=job.interruptible or None,
        )

    def source(self, name: str) -> Any:
        """Where the result of a step, or an input of the snapshot, lies."""
        if name not in INPUTS:
            return self.steps[name].properties.ModelArtifacts.S3ModelArtifacts
        # the end keeps out what only begins with the same letters
        return Join(on="/", values=["s3://${Bucket}/snapshots", self.parameters[SNAPSHOT], name, ""])

    def hyperparameters(self, job: Step) -> dict[str, Any]:
        """A job's options, and what tells the container's toolkit which program to run and how."""
        toolkit = {"sagemaker_program": PROGRAM, "sagemaker_submit_directory": "s3://${CodeBucket}/${CodeKey}"}
        launcher = {"sagemaker_torch_distributed_enabled": "true"} if job.distributed else {}
        return toolkit | launcher | {option: self.option(job, option).to_string() for option in job.parameters}

    def option(self, job: Step, option: str) -> Parameter:
        """The parameter that sets an option of a job; one seed serves all of them.

        Raises:
            ValueError: If the configuration says nothing of it.
        """
        if option == SEED:
            return self.parameter(SEED, 1)
        value = self.options.get(job.name, {}).get(option)
        if value is None:
            raise ValueError(f"configuration {CONFIGURATION}: [{job.name}] has no {option}, which the graph knows")
        return self.parameter(parameter_name(job.name, option), KINDS[option](value))

    def parameter(self, name: str, default: Value) -> Parameter:
        """The parameter of that name, made when it is first asked for."""
        kind = {int: ParameterInteger, float: ParameterFloat, str: ParameterString}[type(default)]
        return self.parameters.setdefault(name, kind(name, default))

    def checkpoints(self, job: Step) -> Join:
        """Where a job's checkpoints lie: elsewhere for any other code, data or option that its result depends on.

        Not by execution, because a step whose checkpoints lie elsewhere each time is never taken from an earlier run.
        """
        options = [self.option(each, option) for each in self.before(job) for option in each.parameters]
        distinct = list({each.name: each for each in options}.values())
        return Join(
            on="/",
            values=["s3://${Bucket}/checkpoints", job.name, "${CodeKey}", self.parameters[SNAPSHOT], *distinct],
        )

    def before(self, job: Step) -> Iterator[Step]:
        """The job and all that it needs, in the graph's order."""
        wanted, found = {job.name}, {job.name}
        while wanted:
            wanted = {name for each in wanted for name in needs(self.graph[each])} - found
            found |= wanted
        yield from (each for name, each in self.graph.items() if name in found)

    def written(self, name: str, *after: Any) -> str:
        """The definition as JSON, the same each time."""
        pipeline = Pipeline(
            name=name,
            parameters=list(self.parameters.values()),
            steps=[*self.steps.values(), *after],
            sagemaker_session=self.session,
            pipeline_experiment_config=None,
        )
        made = json.loads(pipeline.definition().replace(ROLE, "${Role}"))
        stated = {key: value for key, value in made.items() if value is not None}
        return json.dumps(stated, indent=1, ensure_ascii=False) + "\n"


def training_pipeline(steps: Sequence[Step] = STEPS) -> str:
    """All jobs, the gate, and the registration of a release that passes it."""
    made = _Definition(steps)
    for job in made.graph.values():
        made.run_job(job)
    decides, metric = GATE
    gate = made.steps[decides].properties
    verdict = ConditionStep(
        "gate",
        conditions=[ConditionGreaterThanOrEqualTo(left=gate.FinalMetricDataList[metric].Value, right=1)],
        if_steps=[_RegisterRelease("register", _model_package(made.steps), _step_retries())],
        else_steps=[
            FailStep(
                "refuse",
                error_message=Join(
                    on="",
                    values=[
                        f"The release misses a limit of relevance/objectives.py ({metric} is below 1). Each check is "
                        "in manifest.json of ",
                        gate.ModelArtifacts.S3ModelArtifacts,
                        " and in the log of ",
                        gate.TrainingJobName,
                    ],
                ),
            )
        ],
    )
    return made.written("training", verdict)


def tuning_pipeline(steps: Sequence[Step] = STEPS) -> str:
    """Several trainings of the encoder with other options: the best are given to a run of the other pipeline."""
    made = _Definition(steps)
    job = step(TUNED)
    for each in made.before(job):
        if each.name != TUNED:
            made.run_job(each)
    tuner = HyperparameterTuner(
        # trials would write over each other's checkpoints: one that is interrupted begins anew
        model_trainer=made.trainer(job, checkpoints=False),
        objective_metric_name=TUNED_TOWARDS,
        objective_type="Maximize",
        hyperparameter_ranges={
            option: ContinuousParameter(least, highest, scaling_type=scale)
            for option, (least, highest, scale) in TUNED_RANGES.items()
        },
        metric_definitions=[{"Name": name, "Regex": metric_regex(name)} for name in job.metrics],
        strategy="Bayesian",
        max_jobs=TRIALS,
        max_parallel_jobs=TRIALS_AT_ONCE,
        early_stopping_type="Auto",
        base_tuning_job_name="vitrine-tune",
    )
    made.steps["tune_encoder"] = TuningStep(
        "tune_encoder",
        step_args=tuner.tune(inputs=tuner.model_trainer.input_data_config),
        description=f"the options of {TUNED} with the highest {TUNED_TOWARDS}",
        depends_on=sorted(job.after) or None,
        retry_policies=_job_retries(),
    )
    for option in TUNED_RANGES:
        del made.parameters[parameter_name(TUNED, option)]
    return made.written("tuning")


def _offline_session() -> PipelineSession:
    """A session that asks nobody, and reads none of this machine's settings."""
    return PipelineSession(
        default_bucket="none",
        sagemaker_config={
            "SchemaVersion": "1.0",
            "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
        },
    )


def _image(purpose: str, *, machine: str) -> str:
    """AWS's container, in the registry of the region that the stack is in."""
    version, python = IMAGES[purpose]
    found: str = image_uris.retrieve(
        "pytorch", "us-east-1", version=version, py_version=python, instance_type=machine, image_scope=purpose
    )
    return "${ImageRegistry}/" + found.partition("/")[2]


def _step_retries() -> list[RetryPolicy]:
    types = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(types, interval_seconds=10, backoff_rate=2.0, max_attempts=5)]


def _job_retries() -> list[RetryPolicy]:
    """A fault of AWS's is tried again soon, a want of machines for some hours; a job's own fault never."""
    fault, capacity, limit = SageMakerJobExceptionTypeEnum
    return [
        *_step_retries(),
        SageMakerJobStepRetryPolicy(
            failure_reason_types=[fault], interval_seconds=60, backoff_rate=2.0, max_attempts=3
        ),
        SageMakerJobStepRetryPolicy(
            exception_types=[limit], failure_reason_types=[capacity], interval_seconds=300, expire_after_mins=360
        ),
    ]


def _model_package(steps: Mapping[str, ConfigurableRetryStep]) -> dict[str, Any]:
    """A release as the registry keeps it, waiting for somebody's approval."""
    evaluated = steps[GATE[0]].properties
    score = evaluated.FinalMetricDataList["test:ndcg10"].Value
    artefact = evaluated.ModelArtifacts.S3ModelArtifacts
    return {
        "ModelPackageGroupName": "${ModelPackageGroup}",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": _image("inference", machine=MACHINES["cpu-instance"]), "ModelDataUrl": artefact}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "SkipModelValidation": "All",
        "CustomerMetadataProperties": {
            "snapshot": ParameterString(SNAPSHOT),
            "commit": "${Commit}",
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ID,
            "evaluation": evaluated.TrainingJobName,
        },
        "ModelCard": {
            "ModelCardContent": _model_card(score, ParameterString(SNAPSHOT), artefact),
            "ModelCardStatus": "PendingReview",
        },
    }


def _model_card(score: Any, snapshot: Any, artefact: Any) -> Join:
    """The card, with what is known only when the pipeline runs filled in then."""
    filled = {"1234567.875": score, "<snapshot>": snapshot, "<artefact>": artefact}
    card = ModelCardContent(
        model_overview=ModelOverview(
            model_description="A release of Vitrine: encoder, ranker, index and recommendations of one training run.",
            model_artifact=["<artefact>"],
            algorithm_type="two-tower transformer, distilled and compressed; cross network over features for ranking",
            problem_type="product search",
        ),
        intended_uses=IntendedUses(
            purpose_of_model="To order a shop's own products for its shoppers' queries.",
            intended_uses="Search and recommendation over the catalogue of the snapshot that it was trained on.",
            factors_affecting_model_efficiency="Languages, categories and queries that the snapshot does not hold.",
            risk_rating="Low",
            explanations_for_risk_rating="It decides the order of products, about no person.",
        ),
        evaluation_details=[
            EvaluationDetailsItem(
                name="gate",
                evaluation_observation="All limits of relevance/objectives.py are met; manifest.json has them check by "
                "check, and evaluation.json the figures by segment.",
                metric_groups=[
                    MetricGroupsItem(
                        name="test", metric_data=[SimpleMetric(name="ndcg10", type="number", value=1234567.875)]
                    )
                ],
            )
        ],
        additional_information=AdditionalInformation(
            caveats_and_recommendations="card.md in the release says what each model was made of, and its licences.",
            custom_details={"snapshot": "<snapshot>", "commit": "${Commit}"},
        ),
    )
    text = json.dumps(card.model_dump(exclude_none=True, mode="json"))
    parts = re.split("(" + "|".join(map(re.escape, filled)) + ")", text)
    return Join(on="", values=[filled.get(part, part) for part in parts])
