"""The page that a run leaves: what ran, the verdict, pictures of what was measured, and what is not shown and why."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from local.training_plots import draw
from local.training_run import Run
from local.training_steps import Done, StepFolder
from local.training_summary import table, write_page

HISTORY = [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.5}, {"step": 20, "ndcg10": 0.61}]
TWICE = [{"epoch": epoch, "loss": 1 / (number + 1)} for number, epoch in enumerate((1, 2, 1, 2))]
TRIED = [
    {"name": "fp32", "megabytes": 90.0, "p50_ms": 7.5, "overlap10": 0.93, "chosen": False},
    {"name": "int8, smoothed", "megabytes": 23.0, "p50_ms": 3.5, "overlap10": 0.91, "chosen": True},
]
FIGURES = {"queries": 40, "candidate": {"ndcg10": 0.7}, "live": {"ndcg10": 0.6}}
EVALUATION = {
    "quality": {"test queries": FIGURES | {"difference": {"mean": 0.1, "low": 0.02, "high": 0.18}}},
    "segments": {"tail": {"queries": 10, "candidate": {"ndcg10": 0.4}}},
    "curves": [
        {
            "data": "test queries",
            "release": "candidate",
            "roc_auc": 0.9,
            "average_precision": 0.8,
            "roc": [[0.0, 0.5], [0.2, 0.9], [1.0, 1.0]],
            "pr": [[0.5, 1.0], [1.0, 0.4]],
        }
    ],
}
CHECK = {"objective": "tail_relevance", "found": None, "limit": 0.2, "unit": "nDCG@10", "passed": False}
PURCHASES = {"learnt": True, "recall": 0.21, "others": {"ease": 0.2, "popularity": 0.05}}
VERDICT = {
    "passed": False,
    "checks": [CHECK | {"reason": "no <tail> query was there"}],
    "against": "r0",
    "data": "40 test queries",
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    lineage = {"git_commit": "c0ffee", "inputs": {"catalogue": "ab" * 32}, "configuration": {"products": 3000}}
    run = Run(tmp_path / "run", "icecat-small", lineage, "2026-11-22T10:00:00+00:00")
    run.write()
    return run


def a_step(run: Run, name: str, files: dict[str, object], *, log: str = "", **inputs: str) -> StepFolder:
    place = StepFolder(run.folder.parent / "steps" / name)
    place.result.mkdir(parents=True)
    for file, content in files.items():
        (place.result / file).parent.mkdir(exist_ok=True)
        (place.result / file).write_text(json.dumps(content))
    place.log.write_text(log)
    done = Done(name, "k" * 64, ["--epochs", "2"], dict(inputs), "c" * 64, run.began, 12.3, "d" * 64)
    (place.root / "step.json").write_text(json.dumps(asdict(done)))
    run.step(name, "done", place.root)
    return place


def test_the_table_has_a_line_for_each_step_with_its_time_and_its_metrics(run):
    measured = {"job": "train_encoder", "metric": "validation:ndcg10", "value": 0.6123}
    other = {"job": "train_encoder", "metric": "something:else", "value": 1}
    a_step(run, "train_encoder", {}, log=f"{json.dumps(measured)}\n{json.dumps(other)}\n")
    run.step("embed", "failed", run.folder / "nowhere")

    first, second = table(run).splitlines()

    assert first.split() == ["train_encoder", "done", "12.3", "s", "validation:ndcg10", "0.6123"]
    assert second.split() == ["embed", "failed"]


def test_the_page_tells_steps_verdict_and_lineage(run):
    a_step(run, "evaluate", {"r1/manifest.json": {"verdict": VERDICT}}, dataset="ef" * 32)
    run.ended("missed")

    page = write_page(run).read_text()

    assert "it is not registered" in page
    assert "no &lt;tail&gt; query was there" in page
    assert "held against r0" in page
    assert "dataset of prepare <code>efefefefefef</code>" in page
    assert "c0ffee" in page
    assert "ab" * 32 in page


def test_the_page_of_a_failed_run_says_what_failed_first(run):
    run.step("embed", "running", run.folder / "nowhere")
    run.ended("failed", "embed: no space left")

    page = write_page(run).read_text()

    assert "A step failed: embed: no space left" in page
    assert page.index("no space left") < page.index("<h2>")


def test_every_picture_is_drawn_from_what_the_steps_leave(run):
    places = {
        "train_encoder": a_step(run, "train_encoder", {"history.json": HISTORY}),
        "compress": a_step(run, "compress", {"steps.json": TRIED}),
        "evaluate": a_step(run, "evaluate", {"evaluation.json": EVALUATION}),
        "train_shopper": a_step(run, "train_shopper", {"report.json": PURCHASES, "history.json": TWICE}),
    }

    drawn = draw(places)

    told = {picture.caption: picture.content.decode() for picture in drawn.pictures}
    assert len(told) == 6
    assert "0.2100" in told["Next purchases on the last days, which chose the blend; other recommenders beside it."]
    assert "loss, at last 0.25" in told["How train_shopper learnt, by epoch."]
    assert "tail (10)" in told["Quality of the release beside the live one, of all queries and by segment."]
    assert "candidate, 0.900" in told["How well scores tell relevant products from others, over all judged pairs."]
    assert "ndcg10, at last 0.61" in told["How train_encoder learnt, by step."]
    assert any("2  int8, smoothed" in content for content in told.values())


def test_what_cannot_be_drawn_is_named_with_the_reason(run):
    places = {
        "categorise": a_step(run, "categorise", {"report.json": {"learnt": False, "reason": "no product has one"}}),
        "compress": a_step(run, "compress", {}),
        "evaluate": a_step(run, "evaluate", {"evaluation.json": {"curves": [{}]}}),
    }

    drawn = draw(places)

    assert drawn.pictures == []
    assert "Confusion of categories: no product has one" in drawn.left_out
    assert "Compression: compress left no steps.json" in drawn.left_out
    assert "Learning of distil: distil did not run" in drawn.left_out
    assert any(
        line.startswith("Precision, recall and ROC: what the step left reads otherwise") for line in drawn.left_out
    )


def test_a_page_is_one_file_with_its_pictures_in_it(run):
    a_step(run, "compress", {"steps.json": TRIED})

    page = write_page(run).read_text()

    assert 'src="data:image/svg+xml;base64,' in page
    assert "http" not in page.replace("http-equiv", "")
