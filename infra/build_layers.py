"""Build the Lambda layers: `python -m infra.build_layers [host] [arm64]`, both when none is named.

Wheels only, so no compiler and no Docker. A layer whose requirements have not changed is left as it is.

Compiled here as well, where this machine has a Python of the platform's version: Lambda cannot write beside a layer, so
it would compile every module again in each cold start, for 0.4 s.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from infra.layer_contents import ARM64, HOST, LAYER_PACKAGES, UNZIPPED_LIMIT_MB, LayerPlatform, pinned_requirements

PLATFORMS = {"host": HOST, "arm64": ARM64}

RUNTIME_HAS = ("jmespath*",)
"""What a package asks for and Lambda's Python runtime has already, beside its boto3."""

UNUSED = (
    "**/tests",
    "**/test",
    "**/*.pyi",
    "**/__pycache__",
    "bin",
    "share",
    "include",
    "onnxruntime/transformers",
    "onnxruntime/tools",
    "onnxruntime/quantization",
    "onnxruntime/datasets",
    "onnxruntime/backend",
    "numpy/f2py",
    "numpy/**/*.a",
    "numpy/_core/include",
    "sympy*",
    "mpmath*",
)
"""Patterns of what no handler imports."""


class LayerBuildFailed(Exception):
    """A layer could not be built; the message ends with the installer's own words."""


def fingerprint(layer: str, platform: LayerPlatform) -> str:
    """SHA-256 (hex) of all that decides what the layer holds."""
    decides = [
        pinned_requirements(layer),
        platform.python_version,
        platform.uv_platform,
        python_of(platform.python_version) is not None,
    ]
    return hashlib.sha256(json.dumps(decides).encode() + Path(__file__).read_bytes()).hexdigest()


def build_layer(layer: str, platform: LayerPlatform) -> bool:
    """Install, prune and record one layer; False when the one that lies there is up to date.

    Raises:
        LayerBuildFailed: If a package has no wheel for the platform, or cannot be fetched.
    """
    folder = platform.layer_folder(layer)
    record = folder / "fingerprint"
    wanted = fingerprint(layer, platform)
    if record.exists() and record.read_text(encoding="utf-8") == wanted:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    packages = folder / "python"
    _install(pinned_requirements(layer), platform, packages)
    _remove(packages, [*UNUSED, *RUNTIME_HAS])
    if python := python_of(platform.python_version):
        _compile(packages, python)
    else:
        print(
            f"{platform.folder}: no python{platform.python_version} on the PATH, so {layer} is not compiled, "
            "and every cold start will do it again, for some tenths of a second",
            file=sys.stderr,
        )
    record.write_text(wanted, encoding="utf-8")
    return True


def size_mb(platform: LayerPlatform, layers: Iterable[str] = tuple(LAYER_PACKAGES)) -> float:
    """What the layers weigh together unzipped, in 10^6 bytes."""
    files = (path for layer in layers for path in platform.layer_folder(layer).rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


def _install(requirements: Sequence[str], platform: LayerPlatform, target: Path) -> None:
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--python-version", platform.python_version, "--target", str(target)]
    command += ["--no-compile-bytecode", "--link-mode", "copy"]  # hard links would let pruning reach uv's cache
    if platform.uv_platform:
        command += ["--python-platform", platform.uv_platform]
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    run = subprocess.run([*command, *requirements], env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise LayerBuildFailed(f"{' '.join(requirements)} for {platform.folder}:\n{run.stderr.strip()}")


@cache
def python_of(version: str) -> str | None:
    """A Python of a minor version such as `3.13`, as a command; None where this machine has none that starts."""
    for python in (sys.executable, f"python{version}"):
        asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        except FileNotFoundError:
            continue
        if said.strip() == version:
            return python
    return None


def _compile(folder: Path, python: str) -> None:
    # "unchecked": unpacking a layer changes the files' times, by which compiled code is otherwise found stale.
    # Compiled code names its source; the place in Lambda and a fixed seed make the same layer on every machine.
    command = [python, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", "/opt/python", str(folder)]
    # Ends with 1 if a package holds a file that is no Python of this version; such a file is imported by nobody.
    subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": "0"}, check=False)


def _remove(folder: Path, patterns: Iterable[str]) -> None:
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named platforms' layers; exit code 1 when one cannot be built or all are too large together."""
    parser = ArgumentParser(prog="python -m infra.build_layers", description=__doc__)
    parser.add_argument("platforms", nargs="*", choices=[*PLATFORMS, []], help="what to build for; both when none")
    for name in parser.parse_args(arguments).platforms or PLATFORMS:
        platform = PLATFORMS[name]
        try:
            built = [layer for layer in LAYER_PACKAGES if build_layer(layer, platform)]
        except LayerBuildFailed as failure:
            print(failure, file=sys.stderr)
            return 1
        megabytes = size_mb(platform)
        print(f"{platform.folder}: {megabytes:.0f} MB, {', '.join(built) or 'unchanged'}")
        if megabytes > UNZIPPED_LIMIT_MB:
            print(f"{megabytes:.0f} MB unzipped, AWS allows {UNZIPPED_LIMIT_MB}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
