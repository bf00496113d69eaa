"""`make release`: what was written through the running local cloud's API becomes searchable."""

import sys
import time

from local.catalogue import release_catalogue
from local.cloud import KEYS
from local.first_answer import warm
from local.folders import LocalFolder
from local.lock import alone
from local.progress import Progress, StepFailed
from local.release import publish
from local.state import LocalState


def bring_out(progress: Progress, folder: LocalFolder) -> str:
    """Build a release of the catalogue, publish it, wait until it answers; returns what to tell the person.

    Raises:
        StepFailed: If no local cloud runs, or naming the step that failed; the release before goes on serving.
    """
    state = LocalState.read(folder.state_file)
    if not (state.running("cloud") and state.running("gateway") and state.published):
        raise StepFailed("Release", "no local cloud of this checkout is running", "start it with `make up`")
    release = release_catalogue(progress, folder, state)
    publish(progress, state, release)
    address = f"http://127.0.0.1:{state.gateway_port}"
    with progress.step("First answer"):
        warm(address, KEYS["search"][0], release.name)
    return f"{address} answers from release {release.name}: everything written before it is searchable."


def main() -> int:
    """Bring out the next release; exit code 1 when a step failed."""
    progress = Progress(began=time.time())
    folder = LocalFolder.from_environment()
    try:
        with alone(folder):
            told = bring_out(progress, folder)
    except StepFailed as failure:
        print(failure.explain(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The release before goes on serving.", file=sys.stderr)
        return 130
    finally:
        progress.close()
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
