"""What differs between deployments of Vitrine: every difference is a field here, never an `if` in a construct."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infra.layer_contents import ARM64, HOST, LayerPlatform


@dataclass(frozen=True, kw_only=True)
class Edge:
    """CloudFront and a firewall in front of the API, under a name of the shop's own.

    A certificate is needed because CloudFront's own names accept browsers down to TLS 1.0.
    """

    domain_name: str
    """Such as `search.shop.example`; the shop points it at the distribution."""
    certificate_arn: str
    """Of a certificate for that name in us-east-1, where CloudFront looks for it."""
    requests_per_address: int = 3000
    """What one address may send within five minutes."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """The pipelines that train on SageMaker, and what starts one: they cost nothing until one is started."""

    on_sagemaker: bool = True
    """False where something else answers for SageMaker, as on a laptop: its pipelines are not deployed then."""
    cpu_instance: str = "ml.m7i.2xlarge"
    gpu_instance: str = "ml.g6e.2xlarge"
    """One GPU with 48 GB: room to train an encoder of 560 million weights."""
    distributed_instance: str = "ml.g6e.2xlarge"
    """Of the steps that torchrun spreads over several GPUs and machines."""
    distributed_instances: int = 1
    spot: bool = True
    """Whether steps that can go on from a checkpoint run on spare machines, at about a third of the price."""
    max_hours: int = 12
    """After which a job is stopped, whatever it has done."""
    max_wait_hours: int = 24
    """The same where a job may have to wait for a spare machine, the waiting included."""
    run_days: int = 60
    """How long results of the steps between snapshot and release are kept; a run may take those of the last 30 days."""
    retraining_days: int | None = 7
    """How often the schedule asks for a run; None: only alarms and people do."""
    run_dollars: float = 30.0
    """What one run is taken to cost, until the first ones have told: it is what the budget is counted in."""
    budget_dollars_a_month: float = 180.0
    """What runs of one calendar month may cost together; no run is started beyond it, whoever asks."""
    cool_down_hours: float = 24.0
    """How long neither schedule nor alarm starts a run behind one that succeeded; doubled by each failure since."""

    def __post_init__(self) -> None:
        if self.max_wait_hours < self.max_hours:
            raise ValueError(f"max_wait_hours is {self.max_wait_hours}: expected at least max_hours, {self.max_hours}")
        if self.run_days <= 30:
            raise ValueError(f"run_days is {self.run_days}: expected more than 30, for as long as results are reused")
        if self.run_dollars > self.budget_dollars_a_month:
            budget = f"budget_dollars_a_month is {self.budget_dollars_a_month:g}"
            raise ValueError(f"{budget}: expected at least run_dollars, {self.run_dollars:g}, or no run may ever begin")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The large model on machines of its own, for queries whose vectors a release does not hold.

    It is paid by the hour, whether anybody searches or not: one `ml.g6.xlarge` is about $1.13 an hour, $822 a month.
    """

    image_tag: str
    """Of the container in the account's own registry. A tag must not be moved: the same tag is no change to deploy."""
    model_key: str
    """Where the packed model lies in the training bucket, such as `served/2026-11-22/model.tar.gz`. The same key is no
    change either, and instances that start later read it again: another model is another key."""
    image_repository: str = "vitrine-serve"
    instance: str = "ml.g6.xlarge"
    """One GPU with 24 GB. A stage that changes it turns its endpoint off first: see docs/endpoint.md."""
    least: int = 1
    """Instances that always run."""
    most: int = 2
    requests_per_instance: int = 3000
    """A minute, 50 a second: more than that on each instance on average starts another."""
    schedule: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """When -> the least and the most from then on, such as `{"cron(0 7 * * ? *)": (2, 4)}`."""
    time_zone: str = "Etc/UTC"
    """Of the schedule."""
    scale_to_zero: bool = False
    """Whether no instance runs while nobody searches; the first search after that starts one and does not wait for it.
    SageMaker then replaces a model copy by copy instead of by a canary. Needs `least=0`."""
    gpus: int = 1
    """Of one copy of the model, where the endpoint may sleep: a copy is given its share of an instance."""
    memory_mib: int = 8192
    """The same."""
    error_share: float = 0.05
    """Of a minute's requests that may fail before an alarm rings, in (0, 1]; it also ends a deployment."""
    model_ms: float = 50.0
    """What 99 of a minute's 100 requests may take in the container, likewise: functions do not wait much longer."""
    canary_share: float = 0.1
    """Of the instances that run a new model before all do, in whole per cent, from 0.01 to 0.5."""
    bake_minutes: int = 10
    """How long alarms are watched after each step of a deployment."""
    captured_share: float = 0.0
    """Of requests and answers that are kept in the training bucket, in whole per cent, from 0 to 1. They hold what
    shoppers typed, names and addresses included: none unless a stage says so."""

    def __post_init__(self) -> None:
        if not self.instance.startswith("ml."):
            raise ValueError(f"instance is {self.instance}: expected SageMaker's name, such as ml.g6.xlarge")
        if not self.model_key.endswith(".tar.gz"):
            raise ValueError(f"model_key is {self.model_key}: expected an archive, such as served/1/model.tar.gz")
        if self.model_key.startswith(("runs/", "checkpoints/", "captured/")):
            raise ValueError(f"model_key is {self.model_key}: expected a place where nothing expires, such as served/")
        for least, most in ((self.least, self.most), *self.schedule.values()):
            lowest = 0 if self.scale_to_zero else 1
            if not lowest <= least <= max(most, 1) or most < 1:
                raise ValueError(f"instances from {least} to {most}: expected {lowest} <= least <= most, and most >= 1")
        if self.scale_to_zero and self.least != 0:
            raise ValueError(f"least is {self.least}, and scale_to_zero is set: expected 0")
        for when in self.schedule:
            if not when.startswith(("cron(", "rate(", "at(")):
                raise ValueError(f"schedule has {when}: expected cron(...), rate(...) or at(...)")
        for name, lowest_share, highest_share in (("canary_share", 0.01, 0.5), ("captured_share", 0.0, 1.0)):
            share = getattr(self, name)
            if not lowest_share <= share <= highest_share or round(share * 100, 6) % 1:
                expected = f"whole per cent from {lowest_share:g} to {highest_share:g}"
                raise ValueError(f"{name} is {share:g}: expected {expected}")
        if not 0 < self.error_share <= 1:
            raise ValueError(f"error_share is {self.error_share:g}: expected a share above 0, at most 1")
        if not 5 <= self.bake_minutes <= 60:
            raise ValueError(
                f"bake_minutes is {self.bake_minutes}: expected 5 to 60, as alarms need some and AWS a limit"
            )
        for name in ("requests_per_instance", "memory_mib", "model_ms"):
            if not getattr(self, name) > 0:  # also true for NaN
                raise ValueError(f"{name} is {getattr(self, name):g}: expected a number above 0")


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Somebody is told of what fails: three alarms that sum up all others, $1.50 a month, and a topic."""

    alarm_email: str | None = None
    """Who is told, after a click on the link that AWS mails there first. None: whoever subscribes to the topic."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One deployment; several fit in one account, because every name carries the stage's."""

    name: str
    """Lower-case letters and digits; part of every name."""
    region: str | None = None
    """Where it is deployed; None: wherever the person who deploys is signed in."""
    edge: Edge | None = None
    """What stands in front of the API. None: the API's own address, which costs nothing while nobody shops; CloudFront
    with its firewall costs $7 a month before the first request. Needs `region`."""
    search_path: Literal["in_process", "functions"] = "in_process"
    """Whether the front door runs all stages of a search itself or invokes two functions for them."""
    layers: LayerPlatform = ARM64
    """The machine that functions run on, and so which layers they take."""
    architecture: Literal["arm64", "x86_64"] = "arm64"
    front_door_memory_mib: int = 1769
    """Lambda gives one whole processor at 1,769 MiB; a search uses one thread."""
    stage_memory_mib: int = 1769
    """Memory of the functions that run one stage of a search each."""
    log_retention_days: Literal[7, 30, 90, 365] = 30
    keep_data: bool = False
    """Whether the release bucket and the pointer table outlive `cdk destroy`."""
    pointer_seconds: float = 30.0
    """How long a function may go on serving a release after the pointer has moved."""
    remembered_queries: int = 1000
    """How many queries a function remembers, in 32 MiB of its memory at most; 0 for none."""
    release_folder: str = "/tmp/vitrine/releases"
    """Where a function keeps the releases that it has downloaded."""
    requests_per_second: int = 100
    """What the API takes on one route before it answers 429; the burst is twice that."""
    writes_per_second: int = 10
    """The same for each route that changes the catalogue."""
    reserved_concurrency: Mapping[str, int] = field(default_factory=dict)
    """Function's folder -> the executions that are kept for it, and also its ceiling. A function that is not named
    shares what is left. A new account may run 10 in all and must leave some unreserved, so none are kept unless a
    stage says so."""
    deleted_release_days: int = 30
    """How long a deleted or overwritten file of a release can still be brought back."""
    training: Training | None = field(default_factory=Training)
    """None: nothing is trained here, and no pipeline is deployed."""
    endpoint: Endpoint | None = None
    """None: the function's own encoder answers whatever the release does not remember, and nothing runs asleep."""
    captured_days: int = 30
    """How long requests that an endpoint captured are kept, also after it is gone."""
    other_endpoint: str = ""
    """The name of one that this app does not deploy; it is asked where `endpoint` is None. Empty: there is none."""
    endpoint_deadline_ms: int = 60
    """How long a search waits for the endpoint's vector before it goes on without."""
    quality_minutes: int | None = 60
    """How often the watch asks what people have judged and reads what shoppers asked; None: only when it is invoked."""
    quality_window_minutes: int = 24 * 60
    """How much of the log it compares with the live release's baseline; whoever has it read pays by the gigabyte."""
    paging: Paging | None = field(default_factory=Paging)
    """None: alarms show on the dashboard, and tell nobody."""
    old_release_days: int = 14
    """How old a release may grow before an alarm rings: what the catalogue has learnt since is not searchable."""
    browser_origins: tuple[str, ...] = ("*",)
    """Web origins whose pages may call the API; the search key is public, so any, unless a shop narrows it."""

    def __post_init__(self) -> None:
        if self.edge is not None and self.region is None:
            raise ValueError(f"stage {self.name} has an edge but no region: its origin's address needs one")
        if self.endpoint is not None and not (self.training and self.training.on_sagemaker):
            raise ValueError(
                f"stage {self.name} has an endpoint but no training on SageMaker: its model lies in that one's bucket"
            )

    @property
    def endpoint_name(self) -> str:
        """What the large model is asked by; empty: searches do with the encoder in the function."""
        return f"vitrine-{self.name}" if self.endpoint is not None else self.other_endpoint

    @property
    def inference_component(self) -> str:
        """What SageMaker wants named beside an endpoint that may sleep; empty where there is none such."""
        return self.endpoint_name if self.endpoint is not None and self.endpoint.scale_to_zero else ""

    @property
    def key_parameter(self) -> str:
        """Name of the SSM SecureString with the hashed API keys; written by a command, since stacks cannot."""
        return f"/vitrine/{self.name}/keys"


def stages(local_release_folder: Path, local_endpoint: str = "", *, local_watch: bool = False) -> dict[str, Stage]:
    """Every stage by name.

    Args:
        local_release_folder: Where the functions of `local` keep their releases.
        local_endpoint: What they ask for vectors; empty for none.
        local_watch: Whether relevance and drift are looked at there by themselves: every minute, so that one need not
            wait for hours to see an alarm.
    """
    local = Stage(
        name="local",
        layers=HOST,
        architecture="arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
        pointer_seconds=2.0,
        log_retention_days=7,
        quality_minutes=1 if local_watch else None,
        quality_window_minutes=5 if local_watch else 60,
        release_folder=str(local_release_folder),
        other_endpoint=local_endpoint,
        endpoint_deadline_ms=100,  # a laptop's processor stands for the GPU
        # the emulator knows no SageMaker: `local/pipeline_runner.py` runs the same jobs here, at no price
        training=Training(on_sagemaker=False, retraining_days=None, run_dollars=0, cool_down_hours=0),
        paging=None,  # nor composite alarms
    )
    return {
        stage.name: stage
        for stage in (
            local,
            Stage(name="dev", log_retention_days=7),
            Stage(name="staging"),
            Stage(
                name="prod",
                log_retention_days=90,
                keep_data=True,
                reserved_concurrency={
                    "assemble_results": 100,
                    "manage_catalogue": 10,
                    "monitor_quality": 1,
                    "preprocess_query": 20,
                    "rerank": 20,
                },
            ),
        )
    }
