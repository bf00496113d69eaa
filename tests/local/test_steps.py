"""What a person is told: steps with their seconds, and of a failed one which, why and what to do."""

import io
import os
import sys

import pytest

from local.commands import run
from local.fingerprint import fingerprint_of
from local.folders import LocalFolder
from local.progress import Progress, StepFailed, last_lines
from local.release import Shop, forget_old_releases

SPEAK_AND_FAIL = "print('line one'); print('no space left'); raise SystemExit(4)"


def test_a_failed_step_says_which_why_and_what_to_do(tmp_path):
    log = tmp_path / "deploy.log"

    with pytest.raises(StepFailed) as failed:
        run("Deploy", [sys.executable, "-c", SPEAK_AND_FAIL], log=log, advice="free some space")

    told = failed.value.explain()
    assert "Failed: Deploy" in told
    assert f"line one\nno space left\n(exit code 4; all of it in {log})" in told
    assert told.endswith("What to do: free some space")


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StepFailed, match="no-such-program is not on this machine"):
        run("Deploy", ["no-such-program"], log=tmp_path / "log", advice="install it")


def test_an_exit_code_that_means_success_is_returned(tmp_path):
    code = run("Catalogue", [sys.executable, "-c", SPEAK_AND_FAIL], log=tmp_path / "log", advice="-", accepted=(0, 4))

    assert code == 4


def test_steps_are_announced_and_timed():
    out = io.StringIO()
    progress = Progress(out)

    with progress.step("Layers"):
        pass
    progress.close()

    begun, ended = out.getvalue().splitlines()
    assert begun.endswith("s  Layers ...")
    assert ended.endswith("s  Layers: done in 0.0 s")


def test_a_step_that_raises_is_shown_as_failed():
    out = io.StringIO()
    progress = Progress(out)

    with pytest.raises(RuntimeError), progress.step("Layers"):
        raise RuntimeError
    progress.close()

    assert "Layers: failed after" in out.getvalue()


def test_the_last_lines_of_a_log_leave_out_empty_ones(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\n\ntwo\rthree\n\n")

    assert last_lines(log, 2) == "two\nthree"


def test_a_changed_file_changes_the_fingerprint_and_a_cache_does_not(tmp_path):
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "module.py").write_text("a = 1")
    before = fingerprint_of([tmp_path])

    (tmp_path / "__pycache__" / "module.pyc").write_text("compiled")
    with_cache = fingerprint_of([tmp_path])
    (tmp_path / "module.py").write_text("a = 2")

    assert before == with_cache
    assert fingerprint_of([tmp_path]) != before


def test_a_catalogue_of_ones_own_comes_before_any_shop(tmp_path, monkeypatch):
    file = tmp_path / "mine.jsonl"
    file.touch()
    monkeypatch.setenv("CATALOGUE", str(file))
    monkeypatch.setenv("SHOP", "icecat")

    assert Shop.from_environment().arguments() == ["--catalogue", str(file)]


def test_an_export_of_the_catalogue_comes_before_all_other_products(monkeypatch, tmp_path):
    (tmp_path / "export.json").touch()
    monkeypatch.setenv("EXPORT", str(tmp_path))
    monkeypatch.setenv("CATALOGUE", "/nowhere/products.jsonl")

    assert Shop.from_environment().arguments() == ["--export", str(tmp_path)]


def test_an_export_that_is_none_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPORT", str(tmp_path))

    with pytest.raises(StepFailed, match=f"EXPORT={tmp_path}: no export"):
        Shop.from_environment()


def test_icecat_is_the_shop_where_its_data_are(tmp_path, monkeypatch):
    (tmp_path / "chorus").mkdir()
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path))

    assert Shop.from_environment().arguments() == ["--shop", "icecat", "--data", str(tmp_path)]


def test_complete_journey_is_the_shop_where_no_data_are(tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path))

    assert Shop.from_environment().arguments() == ["--shop", "complete_journey"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CATALOGUE", "absent.jsonl", "CATALOGUE=absent.jsonl: no such file"),
        ("SHOP", "bookshop", "SHOP=bookshop: expected one of icecat, complete_journey"),
        ("SHOP", "icecat", "SHOP=icecat: no folder"),
    ],
)
def test_a_shop_that_cannot_be_had_is_refused_before_anything_starts(tmp_path, monkeypatch, name, value, told):
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path))
    monkeypatch.setenv(name, value)

    with pytest.raises(StepFailed, match=told):
        Shop.from_environment()


@pytest.fixture(autouse=True)
def _no_choice_from_outside(monkeypatch):
    for name in ("CATALOGUE", "SHOP", "VITRINE_DATA"):
        monkeypatch.delenv(name, raising=False)


def test_only_the_newest_releases_are_kept(tmp_path):
    folder = LocalFolder(tmp_path)
    for age, name in enumerate(["newest", "second", "third", "oldest"]):
        (folder.releases / name).mkdir(parents=True)
        record = folder.releases / f"{name}.folder"
        record.write_text(str(folder.releases / name))
        os.utime(record, (1000 - age, 1000 - age))

    forget_old_releases(folder)

    assert {path.name for path in folder.releases.iterdir() if path.is_dir()} == {"newest", "second", "third"}
