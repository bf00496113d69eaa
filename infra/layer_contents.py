"""What the Lambda layers hold, for which machine, and where their folders lie; read by the builder and the stacks."""

import platform
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LAYERS_FOLDER = PROJECT / "build" / "layers"

LAYER_PACKAGES = {
    "base": ("pydantic", "aws-lambda-powertools"),
    "search": ("numpy", "onnxruntime", "faiss-cpu", "tantivy", "PyStemmer"),
}
"""Layer name -> the distributions it is made of; their versions are pyproject.toml's."""

UNZIPPED_LIMIT_MB = 250
"""AWS's limit for a function and all its layers together, in 10^6 bytes."""


@dataclass(frozen=True)
class LayerPlatform:
    """A machine that layers are built for."""

    folder: str
    """Name below `build/layers`."""
    python_version: str
    """Minor version, such as `3.13`."""
    uv_platform: str | None
    """The platform as uv names it; None: the machine that builds."""

    def layer_folder(self, layer: str) -> Path:
        """Where `layer` lies unzipped; its `python` folder is what the runtime puts on the path."""
        return LAYERS_FOLDER / self.folder / layer


ARM64 = LayerPlatform("arm64-py3.13", "3.13", "aarch64-manylinux_2_28")
"""What the stages in AWS run on."""

HOST = LayerPlatform(
    f"host-{platform.machine().lower()}-py{sys.version_info.major}.{sys.version_info.minor}",
    f"{sys.version_info.major}.{sys.version_info.minor}",
    None,
)
"""What the local cloud runs on: it starts the handlers in this machine's own Python."""


def pinned_requirements(layer: str, pyproject: Path = PROJECT / "pyproject.toml") -> list[str]:
    """The layer's packages as `name==version`, read from the project's dependencies and its `functions` group.

    Raises:
        ValueError: If pyproject.toml pins none, or leaves the version open.
    """
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    stated = [*document["project"]["dependencies"], *document["dependency-groups"]["functions"]]
    pins = {re.split(r"[=<>~!\[ ]", requirement, maxsplit=1)[0].lower(): requirement for requirement in stated}
    requirements = []
    for package in LAYER_PACKAGES[layer]:
        requirement = pins.get(package.lower(), "")
        if "==" not in requirement:
            raise ValueError(f"layer {layer} needs {package}, pyproject.toml pins {requirement or 'no version of it'}")
        requirements.append(requirement)
    return requirements
