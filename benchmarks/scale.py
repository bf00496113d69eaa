"""How a release, its build and a search grow with the catalogue: 19,406, 100,000 and 1,000,000 products in one run.

The larger catalogues are resampled from the real one (`benchmarks.resampled`): for load only. Every size is built by
`sagemaker_jobs.build_release` and searched through the handler, each in processes of their own, the same queries at
every size, none asked twice and none remembered. Rounds over the sizes take turns, so that a slow minute of the machine
is shared; a figure is the median of the rounds'.

A first search in a new environment is measured with the release's files dropped from the page cache, so that opening
and searching read the disk. Fetching the release from S3 is not measured: its seconds are its size over 75 MB/s.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.latency import SEED
from benchmarks.peers.process import ONE_THREAD
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import add_circumstances, write_results
from benchmarks.scale_search import WARM_UP
from local.folders import LocalFolder
from sagemaker_jobs.folders import PROJECT

SIZES = (19_406, 100_000, 1_000_000)
ROUNDS = 3
QUERIES = 1000
OBJECT_READS_MB_PER_SECOND = 75


def build(products: int, real: Path, known: Path, folder: Path) -> dict[str, Any]:
    """Resample a catalogue and build its release, each in a process of its own; what the build took.

    Args:
        products: How many are wanted.
        real: The folder of the real catalogue, prepared.
        known: Keeps the real products' vectors.
        folder: Emptied, then filled with catalogue/, known/ and releases/.
    """
    shutil.rmtree(folder, ignore_errors=True)
    resampling = ["--catalogue", real, "--known", known, "--products", products, "--output", folder]
    _run("benchmarks.resampled", *resampling)
    building = ["--catalogue", folder / "catalogue", "--known", folder / "known", "--output", folder / "releases"]
    seconds, peak_mb = _run("sagemaker_jobs.build_release", *building)
    return {"products": products, "build_seconds": seconds, "build_peak_mb": peak_mb} | size_of(release_in(folder))


def size_of(release: Path) -> dict[str, float]:
    """What a release weighs, and how long fetching it takes at OBJECT_READS_MB_PER_SECOND."""
    megabytes = sum(path.stat().st_size for path in release.rglob("*") if path.is_file()) / 1e6
    return {"release_mb": megabytes, "computed_fetch_seconds": megabytes / OBJECT_READS_MB_PER_SECOND}


def release_in(folder: Path) -> Path:
    """The one release of a size."""
    (found,) = (folder / "releases").iterdir()
    return found


def search_in_turns(releases: Sequence[Path], queries: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Search every release once a round, cold and then warm; the median of the rounds, for each release."""
    runs: list[list[Mapping[str, Any]]] = [[] for _ in releases]
    for _ in range(rounds):
        for release, of_one in zip(releases, runs, strict=True):
            of_one.append(_asked(release, queries, "--cold") | _asked(release, queries))
    return [_medians(of_one) for of_one in runs]


def main() -> int:
    """Build, measure, print, write `scale.json`."""
    given = _parser().parse_args()
    real: Path = given.folder / "icecat"
    _run("sagemaker_jobs.prepare_catalogue", "--shop", "icecat", "--output", real)
    folders = {products: given.folder / str(products) for products in given.sizes}
    built = []
    for products, folder in folders.items():
        print(f"building {products:,} products, resampled for load only", file=sys.stderr)
        built.append(build(products, real, LocalFolder.from_environment().vectors, folder))
    releases = [release_in(folder) for folder in folders.values()]
    with (real / "products.jsonl").open("rb") as file:
        titles = [json.loads(line)["title"] for line in file]
    queries = queries_from_titles(titles, QUERIES + WARM_UP, seed=SEED)
    sizes = [
        one | searched for one, searched in zip(built, search_in_turns(releases, queries, given.rounds), strict=True)
    ]
    for size in sizes:
        print(json.dumps(size, indent=1))
    given.release = releases[0]
    print(write_results("scale", given, {"queries": len(queries) - WARM_UP, "rounds": given.rounds, "sizes": sizes}))
    return 0


def _run(module: str, *arguments: object) -> tuple[float, float]:
    """Run a program of this project; its seconds, and the most memory it had, in MB."""
    start = perf_counter()
    program = subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], cwd=PROJECT, stdout=sys.stderr)
    _, status, used = os.wait4(program.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), module)
    unit = 1 if sys.platform == "darwin" else 1024
    return perf_counter() - start, used.ru_maxrss * unit / 1e6


def _asked(release: Path, queries: Sequence[str], *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale_search", str(release), *options]
    one_thread = os.environ | ONE_THREAD
    asked = subprocess.run(
        command, cwd=PROJECT, env=one_thread, input=json.dumps(queries), stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


def _medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each number, through lists and objects; texts as they are in the first."""
    return {name: _median([run[name] for run in runs]) for name in runs[0]}


def _median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], Mapping):
        return _medians(values)
    if isinstance(values[0], list):
        return [_median(together) for together in zip(*values, strict=True)]
    return values[0] if isinstance(values[0], str) else median(values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="products, the real catalogue's first")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--folder", type=Path, default=LocalFolder.from_environment().root / "scale", help="8 GB for the default sizes"
    )
    add_circumstances(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
