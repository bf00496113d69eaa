"""What a training reads: part of a catalogue where the configuration says so, and what a person names."""

import io
import json

import pytest

from local.fingerprint import content_sha256
from local.progress import Progress, StepFailed
from local.release import Prepared, Shop
from local.training_inputs import TrainingFolder, resolve, subset
from sagemaker_jobs.configuration import Configuration


@pytest.fixture
def prepared(tmp_path):
    folder = tmp_path / "catalogues" / "shop"
    folder.mkdir(parents=True)
    (folder / "products.jsonl").write_text("".join(f"{number}\n" for number in range(10)))
    (folder / "report.json").write_text(json.dumps({"source": "a shop", "products": 10}))
    (folder / "synonyms.json").write_text("[]")
    return Prepared(folder, tmp_path / "releases" / "shop.folder")


def test_part_of_a_catalogue_is_taken_evenly_and_says_so(prepared):
    part = subset(prepared, 4)

    assert (part.folder / "products.jsonl").read_text().split() == ["0", "2", "5", "7"]
    assert json.loads((part.folder / "report.json").read_text()) == {
        "source": "a shop, 4 of its 10 products",
        "products": 4,
    }
    assert (part.folder / "synonyms.json").is_file()
    assert part.release_record != prepared.release_record


def test_a_catalogue_that_is_small_enough_is_taken_whole(prepared):
    assert subset(prepared, 10) == prepared
    assert subset(prepared, None) == prepared


@pytest.mark.parametrize("variable", ["BASE", "EVENTS", "LIVE"])
def test_a_folder_that_is_named_and_not_there_is_refused_before_anything_is_made(tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, str(tmp_path / "absent"))
    progress = Progress(io.StringIO())

    with pytest.raises(StepFailed, match=f"{variable}=.*absent: no such folder"):
        resolve(progress, TrainingFolder(tmp_path / "training"), Shop("icecat"), Configuration("small"), "icecat-small")

    progress.close()
    assert list(tmp_path.iterdir()) == []


def test_the_content_of_a_folder_has_one_hash_wherever_it_lies(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "file").write_text("same")
    same = content_sha256(tmp_path / "here") == content_sha256(tmp_path / "there")

    (tmp_path / "there" / "below" / "file").rename(tmp_path / "there" / "file")

    assert same
    assert content_sha256(tmp_path / "here") != content_sha256(tmp_path / "there")
