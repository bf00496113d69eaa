"""The browser that the tests drive: Chromium out of an npm package, so that no test depends on what a machine has.

The package carries the program itself: pinned by the lock file, here within seconds and without being root. Debian's
own Chromium needs root, fetches twice as much and is another one every few weeks; the browsers that Playwright and
Puppeteer download come from neither registry nor distribution, which many build servers cannot reach.
"""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from local.folders import PROJECT, TOOLS

PACKAGE = PROJECT / "node_modules" / "@sparticuz" / "chromium"
ON_PATH = ("chromium", "google-chrome", "chrome")
"""Where the package has no program for the machine: it is for Linux on x86-64."""

UNPACK = """
const { default: chromium, inflate } = await import(process.argv[1] + "/build/index.js");
await chromium.executablePath();
await inflate(process.argv[1] + "/bin/al2023.tar.br");
"""


def browser() -> tuple[Path, dict[str, str]]:
    """The program and the environment to start it with; the test is skipped where there is none."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64") or not PACKAGE.is_dir():
        found = next(filter(None, map(shutil.which, ON_PATH)), None)
        if not found:
            pytest.skip(f"no browser: none of {', '.join(ON_PATH)} is on PATH, and {PACKAGE.name} has none for us")
        return Path(found), dict(os.environ)
    folder = _unpacked()
    program = folder / "chromium"
    environment = dict(os.environ)
    needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    if "not found" in needed:  # a machine without NSS, which most have; the package brings it for Lambda
        environment["LD_LIBRARY_PATH"] = str(folder / "al2023" / "lib")
    return program, environment


def _unpacked() -> Path:
    version = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))["version"]
    folder = TOOLS / "chromium" / version
    if not folder.is_dir():
        draft = folder.with_name(f"{version}.draft-{os.getpid()}")
        draft.mkdir(parents=True)
        command = ["node", "--input-type=module", "--eval", UNPACK, str(PACKAGE)]
        subprocess.run(command, env=os.environ | {"TMPDIR": str(draft)}, check=True)
        draft.rename(folder)
    return folder
