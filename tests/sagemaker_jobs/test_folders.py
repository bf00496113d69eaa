import tarfile

import pytest

from relevance.errors import VitrineError
from sagemaker_jobs.folders import (
    PROJECT,
    FolderMissing,
    channel,
    checkpoint_folder,
    data_folder,
    model_folder,
    optional_channel,
    output_folder,
)


def test_a_channel_is_where_sagemaker_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SM_CHANNEL_CATALOGUE", str(tmp_path))

    assert channel("catalogue", default=tmp_path / "elsewhere") == tmp_path


def test_a_channel_has_a_default_on_a_laptop(tmp_path, monkeypatch):
    monkeypatch.delenv("SM_CHANNEL_CATALOGUE", raising=False)

    assert channel("catalogue", default=tmp_path) == tmp_path


def test_a_missing_channel_is_named_with_its_variable(monkeypatch):
    monkeypatch.delenv("SM_CHANNEL_CATALOGUE", raising=False)

    with pytest.raises(FolderMissing, match="'catalogue': set SM_CHANNEL_CATALOGUE"):
        channel("catalogue")


def test_a_channel_that_is_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SM_CHANNEL_CATALOGUE", str(tmp_path / "gone"))

    with pytest.raises(FolderMissing, match="gone is no folder"):
        channel("catalogue")


@pytest.mark.parametrize(
    ("folder", "variable"), [(model_folder, "SM_MODEL_DIR"), (output_folder, "SM_OUTPUT_DATA_DIR")]
)
def test_folders_to_write_to_are_made(folder, variable, tmp_path, monkeypatch):
    monkeypatch.setenv(variable, str(tmp_path / "a" / "b"))

    assert folder() == tmp_path / "a" / "b"
    assert folder().is_dir()


def test_a_folder_to_write_to_must_be_named(monkeypatch):
    monkeypatch.delenv("SM_MODEL_DIR", raising=False)

    with pytest.raises(FolderMissing, match="SM_MODEL_DIR"):
        model_folder()


def test_data_lie_beside_the_project_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("SM_CHANNEL_DATA", raising=False)
    monkeypatch.delenv("VITRINE_DATA", raising=False)
    beside = data_folder()
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path))

    assert beside == PROJECT.parent / "shared" / "data"
    assert data_folder() == tmp_path


def test_what_sagemaker_packed_is_unpacked_once(tmp_path, monkeypatch):
    (tmp_path / "vectors.json").write_text("{}")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "vectors.json", "vectors.json")
    (tmp_path / "vectors.json").unlink()
    monkeypatch.setenv("SM_CHANNEL_VECTORS", str(tmp_path))

    first, second = channel("vectors"), channel("vectors")

    assert first == second != tmp_path
    assert (first / "vectors.json").read_text() == "{}"


def test_a_package_cut_in_half_is_named(tmp_path, monkeypatch):
    (tmp_path / "model.tar.gz").write_bytes(b"\x1f\x8b\x08\x00 half")
    monkeypatch.setenv("SM_CHANNEL_VECTORS", str(tmp_path))

    with pytest.raises(VitrineError, match=r"model\.tar\.gz cannot be unpacked"):
        channel("vectors")


@pytest.mark.parametrize("names", [[], [".none"]])
def test_an_empty_channel_counts_as_absent(tmp_path, monkeypatch, names):
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv("SM_CHANNEL_EVENTS", str(tmp_path))

    assert optional_channel("events") is None


def test_an_optional_channel_that_holds_something_is_there(tmp_path, monkeypatch):
    (tmp_path / "events.jsonl").touch()
    monkeypatch.setenv("SM_CHANNEL_EVENTS", str(tmp_path))

    assert optional_channel("events") == tmp_path


def test_checkpoints_are_kept_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SM_CHECKPOINT_DIR", str(tmp_path / "kept"))
    assert checkpoint_folder() == tmp_path / "kept"

    monkeypatch.delenv("SM_CHECKPOINT_DIR")
    assert checkpoint_folder() is None
