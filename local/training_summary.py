"""What a run of the training did: a page that a person opens, and a short table for the terminal."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from local.training_plots import Picture, draw
from local.training_run import Run
from local.training_steps import Done, StepFolder
from relevance.contracts.training import Verdict
from sagemaker_jobs.graph import GATE, STEPS
from sagemaker_jobs.job import replace_file

PAGE = "summary.html"
_TEMPLATE = Path(__file__).with_name("training_page.html")
_ENDINGS = {
    "running": "This run is at work.",
    "failed": "A step failed: {why}",
    "interrupted": "This run was interrupted; the same command goes on with it.",
    "registered": "The gate let the release through: it is registered.",
    "missed": "The release misses a limit of the gate: it is not registered.",
}
_METRICS = {step.name: step.metrics for step in STEPS}


def table(run: Run) -> str:
    """A line for each step: how it ended, how long it took, the last value of each metric."""
    rows = []
    for name, step in run.steps.items():
        place = StepFolder(Path(step.folder))
        done = place.done()
        seconds = f"{done.seconds:8.1f} s" if done else " " * 10
        metrics = ", ".join(f"{one.name} {one.value:.4g}" for one in place.last(_METRICS.get(name)))
        rows.append(f"  {name:<15}{step.state:<9}{seconds}  {metrics}".rstrip())
    return "\n".join(rows)


def write_page(run: Run) -> Path:
    """Write `summary.html` into the run's folder: one file with all its pictures; returns its path."""
    places = {name: StepFolder(Path(step.folder)) for name, step in run.steps.items()}
    drawn = draw({name: place for name, place in places.items() if place.done()})
    release = release_of(run)
    verdict = verdict_of(release) if release else None
    sections = [
        _section("The gate", _gate(verdict)) if verdict else "",
        _section("Steps", _steps(run)),
        _section("What was measured", _pictures(drawn.pictures)) if drawn.pictures else "",
        _section("Not shown", _list(drawn.left_out)) if drawn.left_out else "",
        _section("Lineage", _lineage(run)),
    ]
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"Training {run.scope}"),
        began=escape(f"Run {run.folder.name}, began {run.began}"),
        state=run.state,
        ending=escape(_ENDINGS[run.state].format(why=run.why)).replace("\n", "<br>"),
        sections="\n".join(section for section in sections if section),
    )
    replace_file(run.folder / PAGE, page.encode())
    return run.folder / PAGE


def release_of(run: Run) -> Path | None:
    """The release that the gate's step wrote its verdict into; None before that."""
    step = run.steps.get(GATE[0])
    manifests = sorted(StepFolder(Path(step.folder)).result.glob("*/manifest.json")) if step else []
    return manifests[0].parent if manifests else None


def verdict_of(release: Path) -> Verdict | None:
    """What the gate wrote into a release's manifest."""
    read = json.loads((release / "manifest.json").read_text(encoding="utf-8")).get("verdict")
    return Verdict.model_validate(read) if read else None


def _gate(verdict: Verdict) -> str:
    rows = [
        (
            f'<span class="{"passed" if check.passed else "missed"}">{"passed" if check.passed else "missed"}</span>',
            escape(check.objective),
            "-" if check.found is None else f"{check.found:,.4g}",
            f"{check.limit:,g}",
            escape(check.unit),
            escape(check.reason),
        )
        for check in verdict.checks
    ]
    against = f"held against {verdict.against}" if verdict.against else "held against no other release"
    return f"<p>Measured on {escape(verdict.data)}; {escape(against)}.</p>" + _table(
        ("", "Objective", "#Found", "#Limit", "Unit", "Why"), rows
    )


def _steps(run: Run) -> str:
    rows = []
    for name, step in run.steps.items():
        place = StepFolder(Path(step.folder))
        done = place.done()
        rows.append(
            (
                f'{escape(name)}<br><span class="small">{_SPOKEN[step.state]}</span>',
                f"{done.seconds:,.1f}" if done else "",
                "<br>".join(escape(str(one)) for one in place.last(_METRICS.get(name))),
                _read_words(done),
                f"{_size(place.result)}<br><code>{done.sha256[:12]}</code>" if done else "",
                _options(done) if done else "",
            )
        )
    return _table(("Step", "#Seconds", "Last measured", "Read", "Made", "Options"), rows)


_SPOKEN = {"running": "at work", "done": "done", "taken": "taken from an earlier run", "failed": "not done"}


def _options(done: Done) -> str:
    pairs = zip(done.arguments[::2], done.arguments[1::2], strict=True)
    return "<br>".join(escape(f"{option.removeprefix('--')} {value}") for option, value in pairs)


def _read_words(done: Done | None) -> str:
    if done is None:
        return ""
    of = {step.name: step.inputs for step in STEPS}.get(done.step, {})
    return "<br>".join(
        f"{escape(channel)}{f' of {escape(of[channel])}' if of.get(channel, channel) != channel else ''} "
        f"<code>{sha256[:12] if sha256 else 'empty'}</code>"
        for channel, sha256 in done.inputs.items()
    )


def _lineage(run: Run) -> str:
    rows = [("Commit of the code", escape(run.lineage.get("git_commit") or "outside a repository"))]
    rows += [
        (f"Input {escape(name)}", f"<code>{escape(sha256)}</code>") for name, sha256 in run.lineage["inputs"].items()
    ]
    rows += [
        (f"Configuration: {escape(key)}", f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>")
        for key, value in run.lineage["configuration"].items()
    ]
    return _table(("What", "Value"), rows)


def _pictures(pictures: Iterable[Picture]) -> str:
    return "\n".join(
        f'<figure><img alt="{escape(picture.caption)}" src="{picture.address}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in pictures
    )


def _size(folder: Path) -> str:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{size / 1e6:,.1f} MB" if size > 1e5 else f"{size / 1e3:,.1f} kB"


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; a head with # before it stands over numbers."""
    kinds = [' class="number"' if head.startswith("#") else "" for head in heads]
    head = "".join(f"<th{kind}>{escape(head.lstrip('#'))}</th>" for kind, head in zip(kinds, heads, strict=True))
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
