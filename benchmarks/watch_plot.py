"""What the watch saw, as pictures over time, drawn from `drift_recovery.json` and `bad_release.json`."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from benchmarks.peers.plots import IMAGES, OURS, THEIRS, quiet, save
from benchmarks.results_file import RESULTS
from relevance.drift import LARGE_CHANGE

ALARM, TRAINING = "#c0392b", "#7f8c8d"
LANES = {"alarm": ALARM, "training": TRAINING}


def spans(events: Sequence[Mapping[str, Any]], kind: str, names: Sequence[str], end_s: float) -> Iterator[Any]:
    """Name, beginning and end of each time that something rang or ran."""
    on = {"ALARM", "Executing"}
    since: dict[str, float] = {}
    for event in (each for each in events if each["kind"] == kind and (not names or each["name"] in names)):
        if event["state"] in on:
            since.setdefault(event["name"], event["at_s"])
        elif event["name"] in since:
            yield event["name"], since.pop(event["name"]), event["at_s"]
    yield from ((name, begun, end_s) for name, begun in since.items())


def over_time(
    results: Mapping[str, Any],
    target: Path,
    *,
    title: str,
    said: str,
    from_s: float,
    changed: str,
    alarms: Sequence[str],
    drift: bool,
) -> None:
    """Relevance (and drift) of each look, beside when an alarm rang, a training ran, and a release took over.

    Args:
        results: Of a benchmark of `benchmarks.watching`.
        target: The picture.
        title, said: Above it.
        from_s: Where the picture begins, in seconds of the run; what changed stands at 0 of its axis.
        changed: What happened at 0.
        alarms: Which are shown.
        drift: Whether there is a second panel with the drift of queries.
    """
    zero, end_s = float(results["changed_s"]), results["seconds"]
    events, looks = results["events"], [look for look in results["looks"] if look["at_s"] >= from_s]

    def minutes(at_s: float) -> float:
        return (at_s - zero) / 60

    heights = [3.0, 2.4, 1.1] if drift else [3.0, 1.1]
    figure, panels = plt.subplots(len(heights), 1, figsize=(10, 1.2 + sum(heights)), sharex=True, height_ratios=heights)
    relevance, lanes = panels[0], panels[-1]
    judged = [(minutes(look["at_s"]), look["ndcg10"]) for look in looks if look["ndcg10"] is not None]
    relevance.plot(*zip(*judged, strict=True), color=OURS, marker="D", markersize=5, linewidth=1.5)
    relevance.set_ylim(0, 1)
    relevance.set_ylabel("nDCG@10 of the\njudged queries")
    if drift:
        moved = [(minutes(look["at_s"]), look["query_drift"]) for look in looks if look["query_drift"] is not None]
        panels[1].plot(*zip(*moved, strict=True), color=THEIRS, marker="o", markersize=5, linewidth=1.5)
        panels[1].axhline(LARGE_CHANGE, color=ALARM, linewidth=1, linestyle="--")
        panels[1].annotate(
            f"alarm above {LARGE_CHANGE}", (1, LARGE_CHANGE), xycoords=("axes fraction", "data"), ha="right",
            va="bottom", color=ALARM, fontsize=9,
        )  # fmt: skip
        panels[1].set_ylim(bottom=0)
        panels[1].set_ylabel("drift of queries\n(PSI)")
    rows = [("alarm", name) for name in alarms]
    rows += [("training", "training")] if any(spans(events, "training", [], end_s)) else []
    for place, (kind, name) in enumerate(rows):
        wanted = [] if kind == "training" else [name]
        for _, begun, ended in spans(events, kind, wanted, end_s):
            if ended >= from_s:
                begun = max(begun, from_s)
                lanes.barh(place, (ended - begun) / 60, left=minutes(begun), height=0.55, color=LANES[kind])
    lanes.set_yticks(range(len(rows)), [name if kind == "training" else f"{name} rings" for kind, name in rows])
    lanes.set_ylim(len(rows) - 0.4, -0.6)
    lanes.set_xlabel(f"minutes since {changed}")
    for axes in panels:
        axes.axvline(0, color="#222222", linewidth=1.2)
        for event in events:
            if event["kind"] == "release" and event["at_s"] > from_s:
                axes.axvline(minutes(event["at_s"]), color="#009e73", linewidth=1.2, linestyle=":")
        quiet(axes)
    for event in events:
        if event["kind"] == "release" and event["at_s"] > from_s:
            relevance.annotate(
                f"release\nby {event['state'].rpartition(' by ')[2]}", (minutes(event["at_s"]), 0.03),
                xytext=(4, 0), textcoords="offset points", color="#00795a", fontsize=9,
            )  # fmt: skip
    relevance.set_title(title, loc="left", fontsize=13, pad=22)
    relevance.text(0, 1.04, said, transform=relevance.transAxes, color="#555555", fontsize=9)
    save(figure, target)


def main() -> int:
    """Draw both; into docs/images unless another folder is given."""
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    drifted = json.loads((RESULTS / "drift_recovery.json").read_text(encoding="utf-8"))
    over_time(
        drifted,
        images / "drift-recovery.png",
        title="A new department: from drift to a release, with nobody touching it",
        said="local cloud, a minute for each hour of AWS; shoppers and judgments are derived from Icecat's catalogue",
        from_s=drifted["changed_s"] - 480,
        changed="shoppers began to ask for the new department",
        alarms=["QueriesDrifted"],
        drift=True,
    )
    bad = json.loads((RESULTS / "bad_release.json").read_text(encoding="utf-8"))
    over_time(
        bad | {"changed_s": bad["published_s"]},
        images / "bad-release.png",
        title="A ranker with its sign flipped, published by hand and rolled back",
        said="local cloud, a minute for each hour of AWS; judged queries of Icecat",
        from_s=1,
        changed="it was published",
        alarms=["RelevanceFell", "RelevanceLow"],
        drift=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
