"""Where the local cloud keeps what it makes; standard library only, since it runs before any environment exists."""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TOOLS = PROJECT / ".local"
"""Environments and tools, shared by every local cloud of this checkout."""


@dataclass(frozen=True)
class LocalFolder:
    """The folder of one local cloud: its state, logs, catalogues and releases."""

    root: Path

    @classmethod
    def from_environment(cls) -> "LocalFolder":
        """`VITRINE_LOCAL_FOLDER`, or `.local` beside the code."""
        return cls(Path(os.environ.get("VITRINE_LOCAL_FOLDER") or TOOLS).absolute())

    @property
    def state_file(self) -> Path:
        """What was started and deployed; read by the next `make up` and by `make down`."""
        return self.root / "state.json"

    @property
    def logs(self) -> Path:
        """One file per step or server."""
        return self.root / "logs"

    @property
    def temporary(self) -> Path:
        """The emulator's and the functions' temporary files; emptied by `make down`."""
        return self.root / "tmp"

    @property
    def catalogues(self) -> Path:
        """Prepared catalogues, one folder each."""
        return self.root / "catalogues"

    @property
    def releases(self) -> Path:
        """Built releases, one folder each."""
        return self.root / "releases"

    @property
    def vectors(self) -> Path:
        """The products' vectors of the last release: the next one computes those of changed products alone."""
        return self.root / "vectors"

    def log(self, name: str) -> Path:
        """The log file of one step or server; its folder is made when needed."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name}.log"
