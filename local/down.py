"""`make down`: end exactly the processes that `make up` recorded, and nothing else (standard library only)."""

import shutil
import sys

from local.folders import LocalFolder
from local.state import LocalState

ORDER = ("gateway", "alarms", "sagemaker_runtime", "endpoint", "pipelines", "cloud")
"""Ended first to last: the address disappears before what stands behind it."""


def end_all(folder: LocalFolder) -> list[str]:
    """End every recorded server that is still the same process; returns the names of those ended."""
    state = LocalState.read(folder.state_file)
    ended = [name for name in ORDER if name in state.servers and state.servers[name].end()]
    folder.state_file.unlink(missing_ok=True)
    shutil.rmtree(folder.temporary, ignore_errors=True)
    return ended


def main() -> int:
    """Say what was ended; exit code 0 also when nothing ran."""
    ended = end_all(LocalFolder.from_environment())
    print(f"ended: {', '.join(ended)}" if ended else "nothing was running")
    return 0


if __name__ == "__main__":
    sys.exit(main())
