"""Pictures of what a training's steps measured, drawn from the files that they left beside their results."""

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.training_steps import StepFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, THEIRS, QUIET = "#d55e00", "#0072b2", "#999999"
"""Vermilion and blue of Okabe and Ito's palette, which colour-blind people tell apart; the marks differ too."""
HISTORY, REPORT, EVALUATION, COMPRESSION = "history.json", "report.json", "evaluation.json", "steps.json"

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
            raise _Missing(f"{step} took no step")
        along = "epoch" if "epoch" in history[0] else "step"
        names = list(dict.fromkeys(key for point in history for key in point if key != along))
        losses = [name for name in names if "loss" in name]
        groups = [group for group in (losses, [name for name in names if name not in losses]) if group]
        figure, panels = _figure(9, 3.4, columns=len(groups))
        for axes, group in zip(panels, groups, strict=True):
            for name, colour in zip(group, (OURS, THEIRS, QUIET, "#009e73", "#cc79a7") * len(group), strict=False):
                points = [(point[along], point[name]) for point in history if name in point]
                axes.plot(
                    *zip(*points, strict=True), color=colour, linewidth=1.8, marker="o" if len(points) < 40 else ""
                )
                axes.annotate(
                    f"{name} {points[-1][1]:.3g}",
                    points[-1],
                    xytext=(-4, 7),
                    textcoords="offset points",
                    color=colour,
                    ha="right",
                )
            axes.set_xlabel(along)
            axes.set_title("loss" if group is losses else "quality", loc="left", fontsize=11)
            axes.margins(y=0.18)
            _quiet(axes)
        return Picture(f"How {step} learnt, by {along}.", _svg(figure))

    return curves


def _read(places: Places, step: str, name: str) -> Any:
    if step not in places:
        raise _Missing(f"{step} did not run")
    found = sorted(places[step].result.rglob(name))
    if not found:
        raise _Missing(f"{step} left no {name}")
    return json.loads(found[0].read_text(encoding="utf-8"))


def _figure(width: float, height: float, *, columns: int = 1, **kind: Any) -> "tuple[Figure, Sequence[Axes]]":
    import matplotlib  # half a second, and only a picture needs it
    from matplotlib.figure import Figure

    matplotlib.rcParams |= {"svg.hashsalt": "vitrine", "svg.fonttype": "none", "font.family": "sans-serif"}
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False, **kind)[0]


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
    f"Learning of {step}": _learning(step) for step in ("train_encoder", "distil", "train_shopper")
}
