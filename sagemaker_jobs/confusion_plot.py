"""A picture of which category is taken for which."""

import io
from collections import Counter
from collections.abc import Sequence

import numpy as np

from relevance.category_intent import CategoryPath

MOST_SHOWN = 40
"""More rows than these nobody reads: the categories with most products, the others together."""
_OTHERS = ("(others)",)


def confusion_plot(right: Sequence[CategoryPath], taken: Sequence[CategoryPath], *, title: str) -> bytes:
    """A PNG: a row for each category, a column for what its products were taken for, shares of the row as colours.

    With more than MOST_SHOWN categories their broadest level is shown.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # 0.5 s, and only a picture needs it
    from matplotlib.figure import Figure

    if len(set(right) | set(taken)) > MOST_SHOWN:
        right, taken = [path[:1] for path in right], [path[:1] for path in taken]
        title = f"{title}; shown: their broadest level"
    counted = Counter(right)
    shown = sorted(counted, key=lambda path: (-counted[path], path))[:MOST_SHOWN]
    place = {path: row for row, path in enumerate(shown)}
    if any(path not in place for path in (*right, *taken)):
        place[_OTHERS] = len(shown)
        shown.append(_OTHERS)
    counts = np.zeros((len(shown), len(shown)))
    for path, other in zip(right, taken, strict=True):
        counts[place.get(path, len(shown) - 1), place.get(other, len(shown) - 1)] += 1
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [" > ".join(path) for path in shown]
    side = 3.5 + 0.32 * len(shown)
    figure = Figure(figsize=(side + 1.5, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    sizes = [f"{name} ({int(count):,})" for name, count in zip(names, counts.sum(axis=1), strict=True)]
    axes.set_xticks(range(len(shown)), names, rotation=90)
    axes.set_yticks(range(len(shown)), sizes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is (products held out)")
    axes.set_title(title)
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        share = shares[row, column]
        colour = "white" if share > 0.6 else "black"
        axes.text(column, row, f"{share:.0%}"[:-1], ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(image, label="share of the row", fraction=0.03)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()
