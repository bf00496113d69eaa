"""The stage that `make up` started, for commands that may be about any."""

from local.cloud import STAGE, reach
from local.folders import LocalFolder
from local.state import LocalState
from relevance.errors import VitrineError


def reach_stage(stage: str) -> LocalState | None:
    """Make the AWS clients of this process ask the running local cloud, if that is the stage; returns what it left.

    Any other stage is asked with the credentials and region that are set; then there is nothing to return.

    Raises:
        VitrineError: If no local cloud runs.
    """
    if stage != STAGE:
        return None
    state = LocalState.read(LocalFolder.from_environment().state_file)
    if not state.running("cloud"):
        raise VitrineError("no local cloud of this checkout is running: `make up` starts it, --stage names another")
    reach(state)
    return state
