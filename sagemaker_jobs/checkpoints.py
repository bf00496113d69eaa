"""What a job keeps so that it can go on after an interruption: the newest state, whole or not there."""

from pathlib import Path
from typing import Any

import torch

from relevance.errors import VitrineError

_NAME = "checkpoint.pt"


class Checkpoints:
    """One file in one folder; without a folder nothing is kept and nothing found."""

    def __init__(self, folder: Path | None, of: dict[str, Any]) -> None:
        """`of`: what the job was started with; a checkpoint of other data or parameters is refused."""
        self._file = None if folder is None else folder / _NAME
        self._of = of

    def keep(self, state: dict[str, Any]) -> None:
        """Replace the last one."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_name(f".{_NAME}.part")
        torch.save({"of": self._of, "state": state}, beside)
        beside.replace(self._file)

    def last(self) -> dict[str, Any] | None:
        """What was kept last; None where nothing was.

        Raises:
            VitrineError: If the file is damaged, or of another training.
        """
        if self._file is None or not self._file.is_file():
            return None
        try:
            found = torch.load(self._file, map_location="cpu", weights_only=True)
            of, state = found["of"], found["state"]
        except Exception as error:  # torch raises whatever it meets in a damaged file
            raise VitrineError(
                f"{self._file} cannot be read ({type(error).__name__}): it is damaged; delete it to begin anew"
            ) from error
        if of != self._of:
            differing = sorted(name for name in {*of, *self._of} if of.get(name) != self._of.get(name))
            told = ", ".join(f"{name} {of.get(name)!r} there, {self._of.get(name)!r} now" for name in differing)
            raise VitrineError(f"{self._file} is of another training ({told}): delete it to begin anew")
        kept: dict[str, Any] = state
        return kept

    def forget(self) -> None:
        """The job is done; the next one begins anew."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)


NONE_KEPT = Checkpoints(None, {})
"""Of a job that begins anew each time."""
