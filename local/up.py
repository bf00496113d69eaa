"""`make up`: prepare the environments with whatever Python there is, then go on inside them (standard library only)."""

import os
import sys
import time

from local.environments import PYTHON, prepare
from local.folders import PROJECT, LocalFolder
from local.progress import Progress, StepFailed


def main() -> int:
    """Replace this program by `local.start`, run by the project's own Python; exit code 1 when a step failed."""
    began = time.time()
    progress = Progress(began=began)
    try:
        # packing the large model takes torch, as the tests do
        prepare(progress, LocalFolder.from_environment(), for_tests=os.environ.get("ENDPOINT", "0") not in ("", "0"))
    except StepFailed as failure:
        print(failure.explain(), file=sys.stderr)
        return 1
    finally:
        progress.close()
    os.chdir(PROJECT)
    os.execv(PYTHON, [str(PYTHON), "-m", "local.start", str(began)])


if __name__ == "__main__":
    sys.exit(main())
