"""What one `make up` leaves for the next one and for `make down`: processes, ports, and what was deployed."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local.processes import ServerProcess


@dataclass
class LocalState:
    """Read from and written to one JSON file, which is replaced as a whole."""

    file: Path
    servers: dict[str, ServerProcess] = field(default_factory=dict)
    cloud_port: int = 0
    pipelines_port: int = 0
    """Where what answers for SageMaker's pipelines is, or will be; the emulator's functions are told once."""
    sagemaker_runtime_port: int = 0
    """Where the cloud's functions look for SageMaker Runtime, whether or not an endpoint was started."""
    endpoint_port: int = 0
    """Of the endpoint's own program."""
    endpoint_commands: dict[str, list[str]] = field(default_factory=dict)
    """How the running endpoint and its runtime were started, by server; another model needs another."""
    gateway_command: list[str] = field(default_factory=list)
    """How the running gateway was started; another port or API needs another gateway."""
    deployed: str = ""
    """Fingerprint of what the running cloud was deployed from."""
    outputs: dict[str, str] = field(default_factory=dict)
    """The stacks' outputs: `ReleaseBucket`, `PointerTable`, `CatalogueTable`, `ApiId`."""
    published: str = ""
    """The release that the running cloud's pointer names."""
    loaded: str = ""
    """The shop whose products were put into the running cloud's catalogue, by its fingerprint."""
    catalogue_released: bool = False
    """Whether the published release was built from the running cloud's catalogue, changes through the API included."""

    @classmethod
    def read(cls, file: Path) -> "LocalState":
        """The state in `file`; an empty one when there is no file, or none that can be read."""
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            servers = {name: ServerProcess(**server) for name, server in stored.pop("servers").items()}
            return cls(file=file, servers=servers, **stored)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return cls(file=file)

    def write(self) -> None:
        """Replace the file in one step, so that a reader never sees half of it."""
        stored = asdict(self)
        del stored["file"]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps(stored, indent=2), encoding="utf-8")
        draft.replace(self.file)

    def running(self, name: str) -> ServerProcess | None:
        """The server of that name, if it is still there."""
        server = self.servers.get(name)
        return server if server and server.is_running() else None

    @property
    def gateway_port(self) -> int:
        """Where the running gateway answers."""
        return int(self.gateway_command[self.gateway_command.index("--port") + 1])

    def forget_cloud(self) -> None:
        """Nothing is deployed any more: the emulator holds everything in its memory."""
        self.deployed, self.published, self.loaded, self.outputs = "", "", "", {}
        self.catalogue_released = False
