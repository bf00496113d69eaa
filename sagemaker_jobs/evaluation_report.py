"""An evaluation as a page to read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagemaker_jobs.evaluation import Evaluation, segments_shown

_FIGURES = {
    "ndcg10": "nDCG@10",
    "reciprocal_rank": "MRR",
    "precision": "precision@10",
    "f1": "F1@10",
    "recall": "recall@100",
    "judged": "judged@10",
}


def as_markdown(evaluation: Evaluation) -> str:
    """The verdict with its reasons, then the figures behind it."""
    figures, decided = evaluation.figures, evaluation.verdict
    against = f"held against {decided.against}" if decided.against else "with no live release to be held against"
    parts = [
        f"# Release {figures['candidate']}",
        f"{'It may be registered' if decided.passed else 'It must not be registered'}: measured on {decided.data}, "
        f"{against}.",
        "## Limits",
        _table(
            ["", "objective", "why"],
            [["kept" if check.passed else "**missed**", check.objective, check.reason] for check in decided.checks],
        ),
        "## Quality",
        "A difference is the candidate's nDCG@10 less the live release's, query by query, with the interval that holds "
        "it with 95% confidence (paired bootstrap).",
        _quality(figures["quality"]),
        "## By segment of the test queries",
        _quality({name: figures["segments"][name] for name in segments_shown(figures["segments"])}),
        "## Telling relevant products from others",
        "All judged pairs; what is not among a query's first hundred scores below what is. F1 is at the threshold that "
        "is best for other queries than those it is counted on (ten folds).",
        _table(
            ["", "release", "pairs", "ROC-AUC", "average precision", "F1"],
            [
                [
                    curve["data"],
                    curve["release"],
                    f"{curve['pairs']:,}",
                    *(_number(curve[name]) for name in ("roc_auc", "average_precision", "f1_cross_validated")),
                ]
                for curve in figures["curves"]
            ],
        ),
        "## Exposure",
        *(_exposed(name, exposed) for name, exposed in figures["exposure"].items()),
        "## Time and size",
        _table(
            ["release", "p50 ms", "p99 ms", "mean ms"],
            [
                [name, *(f"{times[figure]:.2f}" for figure in ("p50_ms", "p99_ms", "mean_ms"))]
                for name, times in figures["latency"].items()
                if name in ("candidate", "live")
            ],
        ),
        ", ".join(f"{name} {megabytes:.2f} MB" for name, megabytes in figures["megabytes"].items())
        + f"; {figures['cost_gb_seconds_per_million']:,.0f} GB-seconds for a million searches.",
    ]
    return "\n\n".join(parts) + "\n"


def _quality(tables: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for data, table in tables.items():
        for release in ("candidate", "live"):
            if release in table:
                shown = _interval(table) if release == "candidate" else ""
                rows.append(
                    [
                        data,
                        f"{table['queries']:,}",
                        release,
                        *(_number(table[release][name]) for name in _FIGURES),
                        shown,
                    ]
                )
    return _table(["", "queries", "release", *_FIGURES.values(), "difference"], rows)


def _interval(table: Mapping[str, Any]) -> str:
    if "difference" not in table:
        return ""
    mean, low, high = (table["difference"][name] for name in ("mean", "low", "high"))
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def _exposed(name: str, exposed: Mapping[str, Any]) -> str:
    unfair = ", ".join(f"{release} {exposed[release]:.4f}" for release in ("candidate", "live") if release in exposed)
    favoured = "; ".join(
        f"{one['group']} {one['attention']:.3f} of attention for {one['merit']:.3f} of merit"
        for one in exposed["most_favoured"]
    )
    return (
        f"{name.replace('_', ' ').capitalize()} that would have to move: {unfair}. Shown most above merit: {favoured}."
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4f}"
