"""The CDK app: chooses a stage by `STAGE` (dev when unset) and wires its stacks."""

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from infra.edge_stack import EdgeStack
from infra.endpoint_stack import EndpointStack
from infra.layers import LayersMissing
from infra.monitoring_stack import MonitoringStack
from infra.paging_stack import PagingStack
from infra.quality_stack import QualityStack
from infra.release_stack import ReleaseStack
from infra.retraining_stack import RetrainingStack
from infra.search_stack import SearchStack
from infra.stage import Stage, stages
from infra.storage_stack import StorageStack
from infra.training_stack import TrainingStack
from infra.watched import Watched


def wire(app: cdk.App, stage: Stage) -> cdk.App:
    """Put the stage's stacks into the app."""
    storage = StorageStack(app, stage=stage)
    search = SearchStack(app, stage=stage, storage=storage)
    quality = QualityStack(app, stage=stage, storage=storage, search=search).monitor
    background, topics = [quality], []
    if stage.edge is not None:
        EdgeStack(app, stage=stage, edge=stage.edge, api_id=search.api.api_id)
    if stage.training is not None:
        retraining = RetrainingStack(app, stage=stage, training=stage.training, storage=storage)
        background.append(retraining.trigger)
        topics.append(retraining.topic)
    if stage.training is not None and stage.training.on_sagemaker:
        TrainingStack(app, stage=stage, training=stage.training, storage=storage)
        background.append(ReleaseStack(app, stage=stage, storage=storage).publish)
    endpoint = None
    if stage.endpoint is not None:
        endpoint = EndpointStack(app, stage=stage, endpoint=stage.endpoint, storage=storage).watched
    watched = Watched(
        search=search,
        background=tuple(background),
        quality=quality if stage.quality_minutes is not None else None,
        dead_letters={each.folder: each.dead_letters for each in background if each.dead_letters is not None},
        endpoint=endpoint,
        retraining=tuple(topics),
    )
    monitoring = MonitoringStack(app, stage=stage, watched=watched)
    if stage.paging is not None:
        PagingStack(app, stage=stage, paging=stage.paging, watched=watched, monitoring=monitoring)
    cdk.Tags.of(app).add("vitrine:stage", stage.name)
    return app


def main() -> None:
    """Synthesise the stage that `STAGE` names."""
    local_folder = Path(os.environ.get("VITRINE_LOCAL_FOLDER", ".local")).absolute()
    local_endpoint = os.environ.get("VITRINE_ENDPOINT", "")  # none unless one was started beside the emulator
    local_watch = bool(os.environ.get("VITRINE_WATCH"))
    known = stages(local_folder / "tmp" / "releases", local_endpoint, local_watch=local_watch)
    name = os.environ.get("STAGE", "dev")
    if name not in known:
        sys.exit(f"STAGE={name}: expected one of {', '.join(known)}")
    try:
        wire(cdk.App(), known[name]).synth()
    except LayersMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
