"""Pictures of what a training's steps measured, drawn from the files that they left beside their results."""

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from local.training_steps import StepFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, THEIRS, QUIET = "#d55e00", "#0072b2", "#999999"
"""Vermilion and blue of Okabe and Ito's palette, which colour-blind people tell apart; the marks differ too."""
HISTORY, REPORT, EVALUATION, COMPRESSION = "history.json", "report.json", "evaluation.json", "steps.json"
CONFUSION = "confusion.png"

Places = Mapping[str, StepFolder]
"""Step -> where it worked, of those that are done."""


@dataclass(frozen=True)
class Picture:
    """One picture with what it shows, in a sentence."""

    caption: str
    content: bytes
    kind: str = "image/svg+xml"

    @property
    def address(self) -> str:
        """The picture itself as an address, for a page that is one file."""
        return f"data:{self.kind};base64,{base64.b64encode(self.content).decode()}"


@dataclass
class Drawn:
    """The pictures that could be drawn, and why others could not."""

    pictures: list[Picture] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class _Missing(Exception):
    """There is nothing to draw from, and why."""


def draw(places: Places) -> Drawn:
    """All pictures of a run."""
    drawn = Drawn()
    for title, picture in _PICTURES.items():
        try:
            drawn.pictures.append(picture(places))
        except _Missing as missing:
            drawn.left_out.append(f"{title}: {missing}")
        except (KeyError, TypeError, ValueError, IndexError) as unlike:
            drawn.left_out.append(f"{title}: what the step left reads otherwise than expected ({unlike!r})")
    return drawn


def _learning(step: str) -> Callable[[Places], Picture]:
    def curves(places: Places) -> Picture:
        history = _read(places, step, HISTORY)
        if not history:
            raise _Missing(f"{step} took no step: there was nothing to teach")
        along = "epoch" if "epoch" in history[0] else "step"
        names = list(dict.fromkeys(key for point in history for key in point if key != along))
        losses = [name for name in names if "loss" in name]
        groups = [group for group in (losses, [name for name in names if name not in losses]) if group]
        figure, panels = _figure(9, 3.4, columns=len(groups))
        for axes, group in zip(panels, groups, strict=True):
            for name, colour in zip(group, (OURS, THEIRS, QUIET, "#009e73", "#cc79a7") * len(group), strict=False):
                points = _broken([(point[along], point[name]) for point in history if name in point])
                look: dict[str, Any] = {"color": colour, "linewidth": 1.8, "marker": "o" if len(points) < 40 else ""}
                axes.plot(*zip(*points, strict=True), **look, label=f"{name}, at last {points[-1][1]:.3g}")
            axes.set_xlabel(along)
            axes.set_title("loss" if group is losses else "quality", loc="left", fontsize=11)
            axes.legend(frameon=False)
            _quiet(axes)
        return Picture(f"How {step} learnt, by {along}.", _svg(figure))

    return curves


def _broken(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same points, with a gap where learning began anew: no line is drawn across it."""
    found = list(points[:1])
    for before, point in pairwise(points):
        found += [(math.nan, math.nan), point] if point[0] <= before[0] else [point]
    return found


def _next_purchases(places: Places) -> Picture:
    report = _read(places, "train_shopper", REPORT)
    if not report["learnt"]:
        raise _Missing(report["why"])
    recalls = sorted((report["others"] | {"Vitrine": report["recall"]}).items(), key=lambda entry: entry[1])
    figure, (axes,) = _figure(8, 1.2 + 0.4 * len(recalls))
    for place, (name, recall) in enumerate(recalls):
        colour = OURS if name == "Vitrine" else THEIRS
        axes.barh(place, recall, color=colour, height=0.6)
        axes.annotate(f"{recall:.4f}", (recall, place), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(recalls)), [name for name, _ in recalls])
    axes.set_xlabel("recall@20 of purchases of products that are new to the shopper")
    axes.set_xlim(0, 1.15 * max(recall for _, recall in recalls) or 1)
    _quiet(axes)
    return Picture(
        "Next purchases on the last days, which chose the blend; other recommenders beside it.", _svg(figure)
    )


def _quality(places: Places) -> Picture:
    evaluation = _read(places, "evaluate", EVALUATION)
    rows = [
        (f"{name} ({found['queries']:,})", found)
        for part in ("quality", "segments")
        for name, found in evaluation.get(part, {}).items()
    ][::-1]
    if not rows:
        raise _Missing("no query was measured on")
    figure, (levels, gains) = _figure(10, 1.6 + 0.34 * len(rows), columns=2, sharey=True)
    for place, (_, found) in enumerate(rows):
        for release, colour, mark in (("live", THEIRS, "o"), ("candidate", OURS, "D")):
            if release in found:
                levels.plot(found[release]["ndcg10"], place, mark, color=colour, markersize=7)
        if difference := found.get("difference"):
            ends = [difference["low"], difference["high"]]
            gains.plot(ends, [place, place], color=OURS, linewidth=2.5, solid_capstyle="butt")
            gains.plot(difference["mean"], place, "D", color=OURS, markersize=7)
    levels.set_yticks(range(len(rows)), [name for name, _ in rows])
    levels.set_ylim(-0.6, len(rows) - 0.4)
    levels.set_title("nDCG@10: candidate (diamonds) and live (discs)", loc="left", fontsize=11)
    gains.axvline(0, color=QUIET, linewidth=1)
    gains.set_title("candidate less live, 95% interval", loc="left", fontsize=11)
    gains.locator_params(axis="x", nbins=6)
    for axes in (levels, gains):
        _quiet(axes)
    return Picture("Quality of the release beside the live one, of all queries and by segment.", _svg(figure))


def _curves(places: Places) -> Picture:
    curves = _read(places, "evaluate", EVALUATION).get("curves")
    if not curves:
        raise _Missing("no pairs of both kinds to tell apart")
    by_data: dict[str, list[Any]] = {}
    for curve in curves:
        by_data.setdefault(curve["data"], []).append(curve)
    figure, panels = _figure(10, 4.2 * len(by_data), columns=2, rows=len(by_data))
    for number, (data, releases) in enumerate(by_data.items()):
        precision, rates = panels[2 * number], panels[2 * number + 1]
        rates.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=":")
        for curve in releases:
            ours = curve["release"] == "candidate"
            look: dict[str, Any] = {
                "color": OURS if ours else THEIRS,
                "linestyle": "-" if ours else "--",
                "linewidth": 2,
            }
            precision.plot(
                *zip(*curve["pr"], strict=True), **look, label=f"{curve['release']}, {curve['average_precision']:.3f}"
            )
            rates.plot(*zip(*curve["roc"], strict=True), **look, label=f"{curve['release']}, {curve['roc_auc']:.3f}")
        precision.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.04))
        rates.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(0, 1.04))
        precision.set_title(f"{data}: precision and recall", loc="left", fontsize=11)
        rates.set_title(f"{data}: ROC", loc="left", fontsize=11)
        for axes, title in ((precision, "average precision"), (rates, "area under it")):
            axes.legend(title=title, frameon=False, loc="lower left" if axes is precision else "lower right")
            _quiet(axes)
    return Picture("How well scores tell relevant products from others, over all judged pairs.", _svg(figure))


def _compression(places: Places) -> Picture:
    tried = _read(places, "compress", COMPRESSION)
    figure, (sizes, times, names) = _figure(11, 4.4, columns=3, width_ratios=(4, 4, 2.6))
    names.axis("off")
    for number, way in enumerate(tried, start=1):
        colour = OURS if way["chosen"] else THEIRS
        weight = "bold" if way["chosen"] else "normal"
        for axes, across in ((sizes, "megabytes"), (times, "p50_ms")):
            place = (way[across], way["overlap10"])
            axes.plot(*place, "D" if way["chosen"] else "o", color=colour, markersize=8 if way["chosen"] else 6)
            side = ((6, 4), (-14, 4), (6, -13), (-14, -13))[number % 4]  # ways of one size lie close together
            axes.annotate(str(number), place, xytext=side, textcoords="offset points", color=colour, weight=weight)
        names.text(
            0, 1 - number / (len(tried) + 1), f"{number}  {way['name']}", color=colour, weight=weight, va="center"
        )
    sizes.set(xlabel="megabytes of the model", ylabel="top-10 overlap with the large encoder")
    times.set(xlabel="milliseconds of a query, one thread")
    for axes in (sizes, times):
        axes.margins(0.1)
        axes.locator_params(nbins=5)
        _quiet(axes)
    return Picture("Size and time against quality of every way to compress; the diamond was taken.", _svg(figure))


def _confusion(places: Places) -> Picture:
    report = _read(places, "categorise", REPORT)
    if not report.get("learnt", True):
        raise _Missing(str(report.get("reason", "nothing was learnt")))
    content = (places["categorise"].result / CONFUSION).read_bytes()
    return Picture("Which category a product is of, and which it was taken for.", content, "image/png")


def _read(places: Places, step: str, name: str) -> Any:
    if step not in places:
        raise _Missing(f"{step} did not run")
    if not (file := places[step].result / name).is_file():
        raise _Missing(f"{step} left no {name}")
    return json.loads(file.read_text(encoding="utf-8"))


def _figure(
    width: float, height: float, *, columns: int = 1, rows: int = 1, **kind: Any
) -> "tuple[Figure, Sequence[Axes]]":
    import matplotlib  # half a second, and only a picture needs it
    from matplotlib.figure import Figure

    matplotlib.rcParams |= {"svg.hashsalt": "vitrine", "svg.fonttype": "none", "font.family": "sans-serif"}
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **kind).flat)


def _quiet(axes: "Axes") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def _svg(figure: "Figure") -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


_PICTURES: Mapping[str, Callable[[Places], Picture]] = {
    "Quality": _quality,
    "Precision, recall and ROC": _curves,
    "Compression": _compression,
    "Confusion of categories": _confusion,
    "Next purchases": _next_purchases,
    **{
        f"Learning of {step}": _learning(step)
        for step in ("train_encoder", "train_teacher", "distil", "train_shopper", "train_ranker")
    },
}
