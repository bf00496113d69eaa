"""The environments that the local cloud runs in, made from nothing but a Python and Node; standard library only.

`python3 -m local.environments up` makes what `make up` needs, `... dev` what `make test` needs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from local.commands import run
from local.folders import PROJECT, TOOLS, LocalFolder
from local.progress import Progress, StepFailed

UV = "uv==0.13.9"
TORCH = "torch==2.13.0"
EMULATOR = ("ministack==1.5.33", "boto3==1.43.106")
"""The AWS emulator, and the boto3 that its own pin of botocore allows; handlers run with both."""

OLDEST_NODE = 20

UP_GROUPS = ("functions", "infra", "local", "jobs")
DEV_GROUPS = ("dev", "training")

PYTHON = PROJECT / ".venv" / "bin" / "python"
EMULATOR_PYTHON = TOOLS / "ministack" / "bin" / "python"
CDK = PROJECT / "node_modules" / ".bin" / "cdk"

FETCH_ADVICE = "check that this machine reaches its package index (pip and npm use your own settings), then run again"


def prepare(progress: Progress, folder: LocalFolder, *, for_tests: bool = False) -> None:
    """Make or update the environments; what is up to date is left alone.

    Raises:
        StepFailed: If Node is missing, or a package cannot be fetched.
    """
    _project_environment(progress, folder, for_tests=for_tests)
    if not _is_current(EMULATOR_PYTHON.parents[1], " ".join(EMULATOR)):
        with progress.step("Emulator's environment", log := folder.log("emulator-environment")):
            target = EMULATOR_PYTHON.parents[1]
            shutil.rmtree(target, ignore_errors=True)
            # from the project's own Python: the emulator runs the handlers in the interpreter that it runs in itself
            run("Emulator's environment", [PYTHON, "-m", "venv", "--without-pip", target], log=log, advice=FETCH_ADVICE)
            uv = str(PYTHON.with_name("uv"))
            install = [uv, "pip", "install", "--python", str(EMULATOR_PYTHON), *EMULATOR]
            run("Emulator's environment", install, log=log, advice=FETCH_ADVICE)
            _record(target, " ".join(EMULATOR))
    _require_node()
    _node_packages(progress, folder, for_tests=for_tests)


def _node_packages(progress: Progress, folder: LocalFolder, *, for_tests: bool) -> None:
    target = PROJECT / "node_modules"
    lock = (PROJECT / "package-lock.json").read_text(encoding="utf-8")
    # the tests' packages hold those of `make up`: one never takes away what the other installed
    purposes = ("tests", "up") if for_tests else ("up",)
    if _is_current(target, lock, purposes[0]):
        return
    with progress.step("Node packages", log := folder.log("npm")):
        choice = [] if for_tests else ["--omit=dev"]
        run("Node packages", ["npm", "ci", "--no-audit", "--no-fund", *choice], log=log, advice=FETCH_ADVICE)
        for purpose in purposes:
            _record(target, lock, purpose)


def _require_node() -> None:
    advice = f"install Node {OLDEST_NODE} or newer, with npm, then run again"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise StepFailed("Node packages", "node or npm is not on this machine", advice)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0] or 0) < OLDEST_NODE:
        raise StepFailed("Node packages", f"node is {version}", advice)


def _project_environment(progress: Progress, folder: LocalFolder, *, for_tests: bool) -> None:
    target = PYTHON.parents[1]
    title = "Environment for the tests" if for_tests else "Environment"
    groups = DEV_GROUPS if for_tests else UP_GROUPS
    wanted = f"{UV} {groups} {(PROJECT / 'pyproject.toml').read_text(encoding='utf-8')}"
    if _is_current(target, wanted, "tests" if for_tests else "up"):
        return
    with progress.step(title, log := folder.log("environment")):
        if not PYTHON.exists():
            advice = "install what Python needs to make environments (on Debian: python3-venv), then run again"
            run(title, [sys.executable, "-m", "venv", target], log=log, advice=advice)
        uv = PYTHON.with_name("uv")
        if not uv.exists():
            run(title, [PYTHON, "-m", "pip", "install", "--quiet", UV], log=log, advice=FETCH_ADVICE)
        if for_tests:
            _install_torch(title, log)
        choice = [part for group in groups for part in ("--group", group)]
        install = [str(uv), "pip", "install", "--python", str(PYTHON), "--editable", ".", *choice]
        run(title, install, log=log, advice=FETCH_ADVICE)
        _record(target, wanted, "tests" if for_tests else "up")


def _install_torch(title: str, log: Path) -> None:
    # by pip, before the rest: which index holds the processor-only build differs from machine to machine
    index = ["--index-url", url] if (url := os.environ.get("TORCH_INDEX_URL")) else []
    run(
        title,
        [PYTHON, "-m", "pip", "install", "--quiet", *index, TORCH],
        log=log,
        advice="set TORCH_INDEX_URL to the package index that has torch's build for processors, then run again",
    )


def _fingerprint(content: str) -> str:
    return hashlib.sha256(f"{sys.version_info[:2]} {content}".encode()).hexdigest()


def _is_current(target: Path, content: str, purpose: str = "up") -> bool:
    record = target / f"vitrine-{purpose}.sha256"
    return record.exists() and record.read_text(encoding="utf-8") == _fingerprint(content)


def _record(target: Path, content: str, purpose: str = "up") -> None:
    (target / f"vitrine-{purpose}.sha256").write_text(_fingerprint(content), encoding="utf-8")


def main() -> int:
    """Prepare for `up` or for `dev`, as the first argument says."""
    progress = Progress(began=time.time())
    try:
        prepare(progress, LocalFolder.from_environment(), for_tests=sys.argv[1:] == ["dev"])
    except StepFailed as failure:
        print(failure.explain(), file=sys.stderr)
        return 1
    finally:
        progress.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
