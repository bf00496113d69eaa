"""A CloudWatch dashboard as one picture, drawn from its own definition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.metric_lines import Samples
from local.metric_statistics import statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 24
"""Of CloudWatch's grid."""
COLUMN_INCHES, ROW_INCHES = 0.66, 0.52
STEPS = 60
"""Into so many steps the window is cut, whatever a panel's period: a day's dashboard shows the last minutes, too."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Okabe and Ito's palette, which colour-blind people tell apart."""
QUIET, LIMIT, INK = "#9a9a9a", "#c0392b", "#222222"


@dataclass(frozen=True)
class Window:
    """What is shown, in milliseconds since 1970."""

    begin_ms: int
    end_ms: int

    @property
    def step_ms(self) -> float:
        """How long each of the steps is."""
        return (self.end_ms - self.begin_ms) / STEPS


@dataclass(frozen=True)
class Series:
    """One metric of a panel."""

    label: str
    statistic: str
    values: list[tuple[int, float]]

    def over(self, window: Window) -> float | None:
        """Of the whole window; None where nothing was sent."""
        inside = [value for at_ms, value in self.values if window.begin_ms <= at_ms < window.end_ms]
        return statistic(self.statistic, inside) if inside else None

    def steps(self, window: Window) -> list[float | None]:
        """Of each step."""
        parts: list[list[float]] = [[] for _ in range(STEPS)]
        for at_ms, value in self.values:
            if window.begin_ms <= at_ms < window.end_ms:
                parts[int((at_ms - window.begin_ms) / window.step_ms)].append(value)
        return [statistic(self.statistic, part) if part else None for part in parts]


def series_of(widget: Mapping[str, Any], samples: Samples) -> Iterator[Series]:
    """A panel's metrics with what was sent of them; expressions are CloudWatch's alone and left out."""
    for metric in widget["properties"].get("metrics", ()):
        *names, options = metric if isinstance(metric[-1], dict) else (*metric, {})
        if "expression" in options:
            continue
        namespace, name, *flat = names
        dimensions = dict(zip(flat[::2], flat[1::2], strict=True))
        sent = samples.of(namespace, name, dimensions)
        yield Series(options.get("label", name), options.get("stat", "Average"), sent)


def draw(body: Mapping[str, Any], samples: Samples, window: Window, file: Path) -> int:
    """Write the dashboard as a PNG; returns how many of its panels had something to show."""
    from matplotlib.figure import Figure  # half a second, and only a picture needs it

    rows = max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = Figure(figsize=(COLUMNS * COLUMN_INCHES, rows * ROW_INCHES), facecolor="white", dpi=110)
    filled = sum(_panel(figure, widget, rows, samples, window) for widget in body["widgets"])
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    return filled


def _panel(figure: "Figure", widget: Mapping[str, Any], rows: int, samples: Samples, window: Window) -> bool:
    from matplotlib.patches import Rectangle

    left, right, top, bottom = 0.9, 0.35, 0.75, 0.75  # in columns and rows of the grid, around what is drawn
    if widget["type"] == "text":
        at = (0.01, 1 - (widget["y"] + widget["height"] / 2) / rows)
        figure.text(*at, widget["properties"]["markdown"].lstrip("# "), fontsize=15, va="center", color=INK)
        return False
    corner = (widget["x"] / COLUMNS, 1 - (widget["y"] + widget["height"]) / rows)
    figure.add_artist(
        Rectangle(
            (corner[0] + 0.0025, corner[1] + 0.06 / rows),
            widget["width"] / COLUMNS - 0.005,
            (widget["height"] - 0.12) / rows,
            facecolor="none",
            edgecolor="#dddddd",
            linewidth=0.8,
            transform=figure.transFigure,
        )
    )
    axes = figure.add_axes(
        (
            (widget["x"] + left) / COLUMNS,
            1 - (widget["y"] + widget["height"] - bottom) / rows,
            (widget["width"] - left - right) / COLUMNS,
            (widget["height"] - top - bottom) / rows,
        )
    )
    axes.set_title(widget["properties"].get("title", ""), loc="left", fontsize=9.5, color=INK)
    if widget["type"] != "metric":
        return _blank(axes, "CloudWatch alone fills this panel")
    series = list(series_of(widget, samples))
    if not any(each.values for each in series):
        return _blank(axes, "nothing was sent on this machine")
    if widget["properties"].get("view") == "singleValue":
        return _number(axes, series, window)
    return _graph(axes, widget["properties"], series, window)


def _blank(axes: "Axes", said: str) -> bool:
    axes.axis("off")
    axes.text(0, 0.5, said, color=QUIET, fontsize=8.5, va="center", transform=axes.transAxes)
    return False


def _number(axes: "Axes", series: Sequence[Series], window: Window) -> bool:
    axes.axis("off")
    found = [value for each in series if (value := each.over(window)) is not None]
    said = " ".join(f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in found) or "nothing yet"
    axes.text(0, 0.45, said, fontsize=20, va="center", color=INK, transform=axes.transAxes)
    return bool(found)


def _graph(axes: "Axes", properties: Mapping[str, Any], series: Sequence[Series], window: Window) -> bool:
    minutes = [-(window.end_ms - window.begin_ms) / 60_000 * (1 - (step + 0.5) / STEPS) for step in range(STEPS)]
    shown = [(each, each.steps(window)) for each in series if each.values]
    if properties.get("stacked"):
        heights = [[value or 0.0 for value in steps] for _, steps in shown]
        labels, colours = [each.label for each, _ in shown], COLOURS[: len(shown)]
        axes.stackplot(minutes, heights, labels=labels, colors=colours, alpha=0.85, linewidth=0)
    else:
        for number, (each, steps) in enumerate(shown):
            points = [(minute, value) for minute, value in zip(minutes, steps, strict=True) if value is not None]
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(*zip(*points, strict=True), "-o", color=colour, markersize=2.5, linewidth=1.3, label=each.label)
    for limit in properties.get("annotations", {}).get("horizontal", ()):
        axes.axhline(limit["value"], color=LIMIT, linewidth=1, linestyle="--", label=limit["label"])
    axes.set_xlim(minutes[0] * STEPS / (STEPS - 0.5), 0)
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])  # room for the legend
    axes.set_ylabel(properties.get("yAxis", {}).get("left", {}).get("label", ""), fontsize=8, color=INK)
    axes.set_xlabel("minutes", fontsize=8, color=INK, labelpad=1)
    axes.tick_params(labelsize=7.5, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper left", borderaxespad=0.1)
    return True
