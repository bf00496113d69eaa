"""Latency against the size of the catalogue as a picture, drawn from `scale.json`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from benchmarks.peers.plots import IMAGES, OURS, THEIRS, quiet, save
from benchmarks.results_file import RESULTS


def latency_by_size(results: Mapping[str, Any], target: Path) -> None:
    """p50 and p99 of a whole search in milliseconds, over products on a log scale."""
    products = [size["products"] for size in results["sizes"]]
    figure, axes = plt.subplots(figsize=(8, 4.8))
    for figure_name, label, colour, mark in (("p99_ms", "p99", THEIRS, "o"), ("p50_ms", "p50", OURS, "D")):
        took = [size["measured"][0][figure_name] for size in results["sizes"]]
        axes.plot(products, took, color=colour, marker=mark, linewidth=2)
        for place in zip(products, took, strict=True):
            axes.annotate(
                f"{place[1]:.1f}", place, xytext=(0, 9), textcoords="offset points", ha="center", color=colour
            )
        axes.annotate(
            label, (products[-1], took[-1]), xytext=(12, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set_xscale("log")
    axes.set_xlim(products[0] / 1.6, products[-1] * 1.8)
    axes.set_ylim(0, max(size["measured"][0]["p99_ms"] for size in results["sizes"]) * 1.2)
    axes.set_xticks(products, [f"{count:,}" for count in products], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("products (log scale); beyond the first resampled from Icecat, for load only")
    axes.set_ylabel("milliseconds of a whole search")
    axes.set_title("A whole search against the size of the catalogue", loc="left", fontsize=13, pad=22)
    axes.text(
        0,
        1.03,
        f"warm, in the handler, one thread, {results['queries']:,} distinct queries, none remembered",
        transform=axes.transAxes,
        color="#555555",
        fontsize=9,
    )
    quiet(axes)
    save(figure, target)


def main() -> int:
    """Draw it; into docs/images unless another folder is given."""
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    results = json.loads((RESULTS / "scale.json").read_text(encoding="utf-8"))
    latency_by_size(results, images / "latency-by-size.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
