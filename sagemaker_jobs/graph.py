"""Training as a graph: which job reads what from whom, on what machine.

The SageMaker pipeline and `make train` are both made of this, so that what runs on a laptop is what runs on AWS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Literal

Machine = Literal["cpu", "gpu"]

INPUTS: Mapping[str, str] = MappingProxyType(
    {
        "catalogue": "a folder with products.jsonl, as prepare_catalogue writes it",
        "events": "what shoppers did, and the pages that they were shown; may be empty",
        "baskets": "purchases from before there were events; may be empty",
        "accepted": "the statistics of the data that the live release was trained on; empty before the first",
        "base": "the transformer that training starts from; empty: the one that the configuration names",
        "live": "the release in use; empty before the first",
        "judgments": "queries whose products people rated; may be empty, and is measured on alone",
    }
)
"""What a run is given from outside, by channel; every one but the catalogue may be empty."""


@dataclass(frozen=True)
class Step:
    """One job of the graph: `python -m sagemaker_jobs.<name>`."""

    name: str
    inputs: Mapping[str, str]
    """Channel -> the step whose result it reads, or one of INPUTS."""
    machine: Machine = "cpu"
    after: Sequence[str] = ()
    """Steps that must have succeeded, though nothing of theirs is read."""
    optional: Sequence[str] = ()
    """Channels that the job can do without."""
    metrics: Sequence[str] = ()
    """What its log tells by `job.measured`, beside what it writes."""
    interruptible: bool = False
    """It goes on from a checkpoint, so that it can run on spare machines at a third of the price."""
    distributed: bool = False
    """torchrun may start it on several GPUs and machines."""
    repeatable: bool = True
    """The same inputs and parameters give the same result, so that an earlier one may be taken instead."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Options of the job's command line that a run may set -> what they mean."""


STEPS: tuple[Step, ...] = (
    Step(
        "prepare",
        {"catalogue": "catalogue", "events": "events", "baskets": "baskets"},
        optional=("events", "baskets"),
        metrics=("data:queries", "data:pairs", "data:products"),
        parameters={"queries": "at most how many queries are derived", "seed": "of all that is drawn"},
    ),
    Step(
        "check_data",
        {"dataset": "prepare", "accepted": "accepted"},
        optional=("accepted",),
        metrics=("data:failed_checks",),
        parameters={"accept-drift": "`yes` where a person has seen that the data moved, and wants to go on"},
    ),
    Step(
        "train_encoder",
        {"dataset": "prepare", "base": "base"},
        machine="gpu",
        after=("check_data",),
        optional=("base",),
        metrics=("train:loss", "validation:ndcg10"),
        interruptible=True,
        distributed=True,
        parameters={
            "base": "the transformer's name or folder, where the channel is empty",
            "dimension": "of a vector; the first so many of the transformer's numbers, all where it is not set",
            "query-prefix": "what the transformer wants before a query",
            "product-prefix": "what it wants before a product's text",
            "epochs": "how many times each pair is read",
            "batch": "pairs whose products are each other's negatives",
            "learning-rate": "the highest",
            "keep": "in [0, 1]: the share of the weights that stays what it was before training",
            "seed": "of all that is drawn",
        },
    ),
    Step(
        "embed",
        {"dataset": "prepare", "encoder": "train_encoder"},
        machine="gpu",
        metrics=("embed:products_per_second",),
    ),
    Step(
        "train_teacher",
        {"catalogue": "prepare", "base": "base"},
        machine="gpu",
        after=("check_data",),
        optional=("base",),
        interruptible=True,
        parameters={"queries": "at most how many are derived", "seed": "of all that is drawn"},
    ),
    Step(
        "distil",
        {"dataset": "prepare", "encoder": "train_encoder", "vectors": "embed"},
        machine="gpu",
        metrics=("train:loss", "validation:overlap10"),
        interruptible=True,
        parameters={
            "layers": "of the student",
            "queries": "at most how many texts it is taught on",
            "epochs": "over its texts",
            "seed": "of all that is drawn",
        },
    ),
    Step(
        "compress",
        {"dataset": "prepare", "encoder": "train_encoder", "student": "distil", "vectors": "embed"},
        metrics=("compress:overlap10", "compress:megabytes", "compress:milliseconds"),
        parameters={
            "queries": "at most how many texts it learns to compute in eight bits on",
            "steps": "of each such learning; 0 for compression without any",
            "seed": "of all that is drawn",
        },
    ),
    Step(
        "categorise",
        {"dataset": "prepare", "vectors": "embed", "encoder": "compress"},
        metrics=("validation:accuracy", "validation:macro_f1"),
        parameters={"seed": "of all that is drawn"},
    ),
    Step(
        "train_shopper",
        {"dataset": "prepare", "vectors": "embed"},
        metrics=("train:loss", "validation:recall20"),
        interruptible=True,
        parameters={"epochs": "over the shoppers", "seed": "of all that is drawn"},
    ),
    Step(
        "train_ranker",
        {"catalogue": "prepare", "encoder": "compress", "vectors": "embed", "teacher": "train_teacher"},
        optional=("teacher",),
        metrics=("validation:ndcg10",),
        parameters={"queries": "at most how many are derived", "seed": "of all that is drawn"},
    ),
    Step(
        "export",
        {
            "dataset": "prepare",
            "vectors": "embed",
            "encoder": "compress",
            "ranker": "train_ranker",
            "categories": "categorise",
            "shopper": "train_shopper",
        },
        optional=("categories", "shopper"),
    ),
    Step(
        "evaluate",
        {"dataset": "prepare", "candidate": "export", "live": "live", "judgments": "judgments"},
        optional=("live", "judgments"),
        metrics=("gate:passed", "test:ndcg10", "test:ndcg10_live"),
        parameters={"seed": "of all that is drawn"},
    ),
)
"""In an order in which they can run, one after the other."""

KINDS: Mapping[str, type[int | float | str]] = MappingProxyType(
    {
        "accept-drift": str,
        "base": str,
        "dimension": int,
        "query-prefix": str,
        "product-prefix": str,
        "queries": int,
        "epochs": int,
        "batch": int,
        "learning-rate": float,
        "keep": float,
        "layers": int,
        "steps": int,
        "seed": int,
    }
)
"""What an option's value is, so that a wrong one is refused before the first step starts."""

GATE = ("evaluate", "gate:passed")
"""The step and the metric that decide: 1 registers the release, 0 ends the run with the checks that it missed."""


def step(name: str) -> Step:
    """The step of that name; raises KeyError without one."""
    return {step.name: step for step in STEPS}[name]


def needs(step: Step) -> set[str]:
    """The steps that must have succeeded before one can run."""
    return {source for source in step.inputs.values() if source not in INPUTS} | set(step.after)


def in_order(steps: Sequence[Step] = STEPS) -> list[Step]:
    """Steps so that each comes after what it needs; raises graphlib.CycleError where that cannot be."""
    by_name = {step.name: step for step in steps}
    sorter = TopologicalSorter({step.name: sorted(needs(step)) for step in steps})
    return [by_name[name] for name in sorter.static_order()]
