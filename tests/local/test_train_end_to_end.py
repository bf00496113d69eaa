"""The whole graph as `make train` runs it: a shop and a network that are made up, every step for real."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.folders import PROJECT, LocalFolder
from local.pipeline_runner import PIPELINE, LocalTraining, PipelineRunner
from local.train import MISSED, REGISTERED
from local.training_run import Run
from relevance.release import open_release
from sagemaker_jobs.configuration import read_configuration
from tests.models.tiny_bert import a_tiny_bert
from tests.sagemaker_jobs.derived_shop import made_up_shop


def train(root: Path) -> tuple[int, str]:
    environment = os.environ | {
        "VITRINE_LOCAL_FOLDER": str(root / "local"),
        "CONFIG": "test",
        "CATALOGUE": str(root / "shop.jsonl"),
        "BASE": str(root / "network"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "local.train"]
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def last_run(root: Path) -> Run:
    return Run.read(max((root / "local" / "training" / "runs").iterdir()))


@pytest.mark.slow
def test_a_made_up_shop_is_trained_held_against_the_gate_and_shown(tmp_path):
    a_tiny_bert(tmp_path / "network")
    lines = [json.dumps(product.record()) + "\n" for product in made_up_shop()]
    (tmp_path / "shop.jsonl").write_text("".join(lines), encoding="utf-8")

    status, told = train(tmp_path)
    run = last_run(tmp_path)
    again, told_again = train(tmp_path)
    second = last_run(tmp_path)

    assert status in (REGISTERED, MISSED), told
    assert set(run.steps) == {step.name for step in read_configuration("test").steps()}
    (manifest,) = (run.folder / "evaluate" / "result").glob("*/manifest.json")
    release = open_release(manifest.parent).manifest
    assert release.products == len(lines)
    assert release.verdict.passed == (status == REGISTERED)
    assert (tmp_path / "local" / "training" / "registered" / release.release_id).is_dir() == release.verdict.passed
    assert release.lineage.data_sha256
    page = (run.folder / "summary.html").read_text()
    assert page.count("<figure>") >= 5
    assert all(check.objective in page for check in release.verdict.checks)
    assert again == status, told_again
    assert {second.steps[name].state for name in ("prepare", "train_encoder", "distil", "compress", "export")} == {
        "taken"
    }


@pytest.mark.slow
def test_a_run_that_was_asked_of_sagemaker_trains_on_an_export_and_ends_as_the_gate_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CONFIG", "test")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("VITRINE_LOCAL_FOLDER", str(tmp_path / "local"))
    folder = LocalFolder.from_environment()
    products = [product.record() for product in made_up_shop()]
    published = []

    def bring(_: LocalFolder, name: str, to: Path) -> None:
        catalogue = to / "catalogue"
        catalogue.mkdir(parents=True)
        (catalogue / "products.jsonl").write_text("".join(json.dumps(each) + "\n" for each in products))
        (catalogue / "export.json").write_text(json.dumps({"version": 7, "source": "a made-up shop"}))
        a_tiny_bert(to / "base")

    def publish(where: LocalFolder) -> str:
        published.append(where)
        return "it"

    async def run() -> dict[str, Any]:
        training = LocalTraining(folder, bring=bring, publish=publish)
        runner = PipelineRunner(PIPELINE, folder.root / "pipelines" / "executions.json", training)
        asked = {"PipelineName": PIPELINE, "ClientRequestToken": "t" * 32}
        snapshot = [{"Name": "snapshot", "Value": "s-1"}]
        started = runner.answer("StartPipelineExecution", asked | {"PipelineParameters": snapshot})
        while (found := runner.answer("DescribePipelineExecution", started))["PipelineExecutionStatus"] == "Executing":
            await asyncio.sleep(0.5)
        return found

    ended = asyncio.run(run())

    trained = last_run(tmp_path)
    (manifest,) = (trained.folder / "evaluate" / "result").glob("*/manifest.json")
    release = open_release(manifest.parent).manifest
    assert (release.products, release.catalogue_version) == (len(products), 7)
    assert trained.state == ("registered" if release.verdict.passed else "missed")
    assert ended["PipelineExecutionStatus"] == ("Succeeded" if release.verdict.passed else "Failed"), ended
    assert published == [folder] * release.verdict.passed
    assert release.verdict.passed or "the gate did not let the release through" in ended["FailureReason"]
