"""The CDK app: chooses a stage by `STAGE` (dev when unset) and wires its stacks."""

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from infra.edge_stack import EdgeStack
from infra.layers import LayersMissing
from infra.monitoring_stack import MonitoringStack
from infra.paging_stack import PagingStack
from infra.search_stack import SearchStack
from infra.stage import Stage, stages
from infra.storage_stack import StorageStack
from infra.training_stack import TrainingStack
from infra.watched import Watched


def wire(app: cdk.App, stage: Stage) -> cdk.App:
    """Put the stage's stacks into the app."""
    storage = StorageStack(app, stage=stage)
    search = SearchStack(app, stage=stage, storage=storage)
    if stage.edge is not None:
        EdgeStack(app, stage=stage, edge=stage.edge, api_id=search.api.api_id)
    if stage.training is not None:
        TrainingStack(app, stage=stage, training=stage.training, storage=storage)
    watched = Watched(search=search)
    monitoring = MonitoringStack(app, stage=stage, watched=watched)
    if stage.paging is not None:
        PagingStack(app, stage=stage, paging=stage.paging, watched=watched, monitoring=monitoring)
    cdk.Tags.of(app).add("vitrine:stage", stage.name)
    return app


def main() -> None:
    """Synthesise the stage that `STAGE` names."""
    local_folder = Path(os.environ.get("VITRINE_LOCAL_FOLDER", ".local")).absolute()
    known = stages(local_release_folder=local_folder / "tmp" / "releases")
    name = os.environ.get("STAGE", "dev")
    if name not in known:
        sys.exit(f"STAGE={name}: expected one of {', '.join(known)}")
    try:
        wire(cdk.App(), known[name]).synth()
    except LayersMissing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
