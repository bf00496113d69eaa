"""The definitions of the SageMaker pipelines, as files beside this module: what stands in them, and their making.

`python -m sagemaker_jobs.pipeline_definitions` writes them; with `--check` it only says whether they are what the graph
asks for, and ends with 1 if not. Both need the environment that `make pipelines` makes; reading them does not.

What differs from one deployment to the next stands as `${Name}` in a definition (`PLACEHOLDERS`), for the stack to fill
in. What a run may choose is a parameter of the pipeline.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).with_name("pipelines")
TRAINING, TUNING = "training", "tuning"

CONFIGURATION = "aws"
"""Whose values are the defaults of the pipelines' parameters."""

PLACEHOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "Role": "ARN of the role that the jobs take",
        "Bucket": "name of the bucket with snapshots, runs and checkpoints",
        "CodeBucket": "name of the bucket with the jobs' code",
        "CodeKey": "its key there, which changes with the code",
        "Commit": "of that code",
        "ImageRegistry": "host of the registry with AWS's containers for PyTorch",
        "ModelPackageGroup": "name of the group that releases are registered in",
    }
)
"""What the stack fills into a definition."""

SNAPSHOT, SEED = "snapshot", "seed"
MACHINES: Mapping[str, str] = MappingProxyType(
    {"cpu-instance": "ml.m7i.2xlarge", "gpu-instance": "ml.g6e.2xlarge", "distributed-instance": "ml.g6e.2xlarge"}
)
"""Parameter -> the machine that it names by default; a stage may name another."""
INSTANCES = "distributed-instances"

OFFLINE: Mapping[str, str] = MappingProxyType(
    {
        "AWS_DEFAULT_REGION": "us-east-1",  # nothing of it reaches a definition
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
        "SAGEMAKER_USER_CONFIG_OVERRIDE": os.devnull,
    }
)
"""What keeps the SDK from asking anybody, and from reading the settings of the machine it runs on."""


def definition(name: str) -> dict[str, Any]:
    """The definition of that name, with its placeholders."""
    made: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return made


def parameter_name(job: str, option: str) -> str:
    """The pipeline's parameter for an option of a job; one seed serves all of them."""
    return SEED if option == SEED else f"{job}-{option}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.pipeline_definitions", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; end with 1 if a definition is out of date"
    )
    given = parser.parse_args(arguments)
    os.environ.update(OFFLINE)
    from sagemaker_jobs.pipeline import training_pipeline, tuning_pipeline  # not before: see OFFLINE

    logging.disable(logging.WARNING)  # the SDK tells of every default that it takes
    warnings.filterwarnings("ignore", message="Running within a PipelineSession")
    made = {TRAINING: training_pipeline(), TUNING: tuning_pipeline()}
    files = {FOLDER / f"{name}.json": text for name, text in made.items()}
    outdated = [file for file, text in files.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in outdated:
        if given.check:
            print(f"{file.name} is not what the graph asks for: run `make pipelines`", file=sys.stderr)
        else:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(files[file], encoding="utf-8")
    return 1 if given.check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
