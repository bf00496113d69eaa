"""Running one program as a step: its output goes to a log, its failure to the reader."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.folders import PROJECT
from local.progress import StepFailed, last_lines


def run(
    step: str,
    command: Sequence[str] | Sequence[Path] | Sequence[str | Path],
    *,
    log: Path,
    advice: str,
    environment: Mapping[str, str] | None = None,
    accepted: Sequence[int] = (0,),
) -> int:
    """Run `command` from the project's root and return its exit code.

    Raises:
        StepFailed: If the program is not there, or ends with a code outside `accepted`; shows the log's last lines.
    """
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                [str(part) for part in command],
                cwd=PROJECT,
                env=dict(os.environ if environment is None else environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except FileNotFoundError:
            raise StepFailed(step, f"{command[0]} is not on this machine", advice) from None
    if code not in accepted:
        raise StepFailed(step, f"{last_lines(log)}\n(exit code {code}; all of it in {log})", advice)
    return code
