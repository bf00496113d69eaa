"""The comparison as pictures for docs/comparison.md, drawn from `peers.json`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "vitrine", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 11}
from matplotlib import pyplot as plt  # noqa: E402

from benchmarks.results_file import RESULTS  # noqa: E402
from sagemaker_jobs.folders import PROJECT  # noqa: E402

IMAGES = PROJECT / "docs" / "images"
OURS, THEIRS = "#d55e00", "#0072b2"
"""Vermilion and blue of Okabe and Ito's palette, which colour-blind people tell apart; the marks differ too."""
COUNTINGS = {"ndcg": "unjudged products as bad", "ndcg_judged": "judged products only"}


def quality_against_latency(results: Mapping[str, Any], target: Path) -> None:
    """Both countings of nDCG@10 over the milliseconds of a median query; up and left is better."""
    engines = [each for each in results["engines"] if "ndcg" in each]
    figure, both = plt.subplots(2, 1, figsize=(9, 8.5), sharex=True)
    for axes, (counting, spoken) in zip(both, COUNTINGS.items(), strict=True):
        for each in engines:
            ours = each["name"] == "vitrine"
            place = (each["p50_ms"], each[counting])
            axes.scatter(*place, s=90 if ours else 55, marker="D" if ours else "o", color=_colour(each))
            axes.annotate(
                each["title"],
                place,
                xytext=(8, 0),
                textcoords="offset points",
                color=_colour(each),
                va="center",
                weight="bold" if ours else "normal",
            )
        axes.set_xscale("log")
        axes.set_xlim(min(each["p50_ms"] for each in engines) / 2, max(each["p50_ms"] for each in engines) * 8)
        axes.set_ylim(min(each[counting] for each in engines) - 0.03, max(each[counting] for each in engines) + 0.03)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(f"nDCG@10, {spoken}", loc="left", fontsize=11)
        quiet(axes)
    both[-1].set_xlabel("milliseconds of a median query, one thread (log scale)")
    save(figure, target)


def against_bm25(results: Mapping[str, Any], target: Path) -> None:
    """Each engine's nDCG@10 less that of textbook BM25, with its 95% interval, in both countings."""
    titles = {each["name"]: each["title"] for each in results["engines"]}
    names = list(dict.fromkeys(each["better"] for each in results["differences"]))[::-1]
    figure, both = plt.subplots(1, 2, figsize=(11, 5), sharey=True, sharex=True)
    for axes, (counting, spoken) in zip(both, COUNTINGS.items(), strict=True):
        axes.axvline(0, color="#666666", linewidth=1)
        for each in results["differences"]:
            if each["figure"] != counting:
                continue
            ours = each["better"] == "vitrine"
            place, colour = names.index(each["better"]), OURS if ours else THEIRS
            axes.plot([each["low"], each["high"]], [place, place], color=colour, linewidth=2.5, solid_capstyle="butt")
            axes.plot(each["mean"], place, marker="D" if ours else "o", markersize=8, color=colour)
            axes.annotate(
                f"{each['mean']:+.3f}", (each["mean"], place), xytext=(0, 8), textcoords="offset points", ha="center"
            )
        axes.set_yticks(range(len(names)), [titles[name] for name in names])
        axes.set_ylim(-0.5, len(names) - 0.3)
        axes.set_xlabel("nDCG@10 less that of textbook BM25, 95% interval")
        axes.set_title(spoken[0].upper() + spoken[1:], loc="left", fontsize=11)
        quiet(axes)
    save(figure, target)


def _colour(each: Mapping[str, Any]) -> str:
    return OURS if each["name"] == "vitrine" else THEIRS


def quiet(axes: Any) -> None:
    """No more lines than it takes to read a value."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure: Any, target: Path) -> None:
    """Write a picture that is the same each time; the file's ending says what kind."""
    figure.tight_layout()
    figure.savefig(target, dpi=110, facecolor="white", metadata={"Date": None} if target.suffix == ".svg" else None)
    plt.close(figure)


def main() -> int:
    """Draw both; `.svg` unless another ending is given."""
    ending = sys.argv[1] if len(sys.argv) > 1 else "svg"
    images = Path(sys.argv[2]) if len(sys.argv) > 2 else IMAGES
    results = json.loads((RESULTS / "peers.json").read_text(encoding="utf-8"))
    quality_against_latency(results, images / f"quality-against-latency.{ending}")
    against_bm25(results, images / f"against-bm25.{ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
