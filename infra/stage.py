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
    """The pipelines that train on SageMaker: they cost nothing until one is started."""

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

    def __post_init__(self) -> None:
        if self.max_wait_hours < self.max_hours:
            raise ValueError(f"max_wait_hours is {self.max_wait_hours}: expected at least max_hours, {self.max_hours}")
        if self.run_days <= 30:
            raise ValueError(f"run_days is {self.run_days}: expected more than 30, for as long as results are reused")


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
    paging: Paging | None = field(default_factory=Paging)
    """None: alarms show on the dashboard, and tell nobody."""
    old_release_days: int = 14
    """How old a release may grow before an alarm rings: what the catalogue has learnt since is not searchable."""
    browser_origins: tuple[str, ...] = ("*",)
    """Web origins whose pages may call the API; the search key is public, so any, unless a shop narrows it."""

    def __post_init__(self) -> None:
        if self.edge is not None and self.region is None:
            raise ValueError(f"stage {self.name} has an edge but no region: its origin's address needs one")

    @property
    def key_parameter(self) -> str:
        """Name of the SSM SecureString with the hashed API keys; written by a command, since stacks cannot."""
        return f"/vitrine/{self.name}/keys"


def stages(local_release_folder: Path) -> dict[str, Stage]:
    """Every stage by name; on `local`, functions keep their releases in the folder given."""
    local = Stage(
        name="local",
        layers=HOST,
        architecture="arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64",
        pointer_seconds=2.0,
        log_retention_days=7,
        release_folder=str(local_release_folder),
        training=None,  # the emulator knows no SageMaker; `make train` runs the same jobs here
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
                    "preprocess_query": 20,
                    "rerank": 20,
                },
            ),
        )
    }
