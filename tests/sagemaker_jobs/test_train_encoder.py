import json
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.text_encoder import TextEncoder  # noqa: E402
from relevance.contracts.models import TorchEncoderManifest  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from sagemaker_jobs.dataset import PAIRS, QUERIES, Dataset  # noqa: E402
from sagemaker_jobs.folders import PROJECT  # noqa: E402
from sagemaker_jobs.job import DONE, STOPPED  # noqa: E402
from sagemaker_jobs.train_encoder import Training, between, lessons_of, main, train_encoder  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402
from tests.sagemaker_jobs.learning_data import a_dataset  # noqa: E402

FAST = Training(epochs=6, batch=8, chunk=4, learning_rate=3e-3, noise=0.1, keep=0.0, evaluations=2, threads=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return a_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def trained(dataset, base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return folder, train_encoder(dataset, base, folder, FAST)


def test_training_brings_queries_near_their_products(trained):
    _, manifest = trained

    assert manifest.metrics["validation:ndcg10"] > manifest.metrics["validation:ndcg10_before"] + 0.1


def test_the_encoder_says_where_it_comes_from(trained, dataset):
    folder, manifest = trained

    assert TorchEncoderManifest.model_validate_json((folder / "manifest.json").read_bytes()) == manifest
    assert manifest.lineage.data_sha256 == dataset.report["sha256"]
    assert manifest.lineage.parameters["learning_rate"] == 3e-3
    assert TextEncoder.load(folder).encoder_id == manifest.encoder_id


def test_the_curves_are_kept(trained):
    folder, _ = trained

    history = json.loads((folder / "history.json").read_text())

    assert [entry["ndcg10"] for entry in history if "ndcg10" in entry]
    assert all(entry["loss"] > 0 for entry in history if "loss" in entry)


def test_the_same_seed_gives_the_same_encoder(trained, dataset, base, tmp_path):
    again = train_encoder(dataset, base, tmp_path, FAST)

    assert again.encoder_id == trained[1].encoder_id


def test_a_parent_is_gone_on_from(trained, dataset, tmp_path):
    parent, manifest = trained

    child = train_encoder(dataset, parent, tmp_path, Training(epochs=1, batch=8, threads=1))

    assert child.lineage.parent == manifest.encoder_id
    assert child.metrics["validation:ndcg10_before"] == manifest.metrics["validation:ndcg10"]


def test_a_query_counts_by_the_root_of_how_often_it_was_asked(tmp_path):
    dataset = a_dataset(tmp_path)
    first, *others = (tmp_path / QUERIES).read_text().splitlines()
    (tmp_path / QUERIES).write_text("\n".join([first.replace('"asked":1', '"asked":16'), *others]) + "\n")

    lessons = lessons_of(dataset)

    assert [lesson.weight for lesson in lessons[:2]] == [4.0, 1.0]


def test_what_is_kept_lies_between_before_and_after():
    before, after = {"weight": torch.tensor([0.0, 4.0])}, {"weight": torch.tensor([1.0, 0.0])}

    assert between(before, after, 0.25)["weight"].tolist() == [0.75, 1.0]


def test_an_interrupted_training_goes_on_where_it_stood(trained, dataset, base, tmp_path, monkeypatch):
    from sagemaker_jobs import train_encoder as job

    def interrupted(*arguments):
        if arguments[-1] > 20:
            raise KeyboardInterrupt
        return step(*arguments)

    step = job._step
    monkeypatch.setattr(job, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_encoder(dataset, base, tmp_path / "out", FAST, checkpoints=tmp_path / "kept")
    monkeypatch.setattr(job, "_step", step)
    assert not (tmp_path / "out").exists()

    manifest = train_encoder(dataset, base, tmp_path / "out", FAST, checkpoints=tmp_path / "kept")

    assert manifest.encoder_id == trained[1].encoder_id
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("length", [0, 1000])
def test_a_checkpoint_cut_in_half_is_named(dataset, base, tmp_path, length):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04" + bytes(length))

    with pytest.raises(VitrineError, match=r"checkpoint\.pt cannot be read .*: it is damaged; delete it"):
        train_encoder(dataset, base, tmp_path / "out", FAST, checkpoints=tmp_path)

    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_training_is_refused(dataset, base, tmp_path):
    from sagemaker_jobs.checkpoints import Checkpoints

    Checkpoints(tmp_path, {"seed": 2}).keep({"step": 1})

    with pytest.raises(VitrineError, match="seed 2 there, 1 now"):
        train_encoder(dataset, base, tmp_path / "out", FAST, checkpoints=tmp_path)


def test_a_diverging_loss_stops_the_job_and_leaves_nothing(dataset, base, tmp_path, capsys):
    options = ["--learning-rate", "1e30", "--epochs", "3", "--batch", "8", "--threads", "1"]

    status = main(["--dataset", str(dataset.folder), "--base", str(base), "--output", str(tmp_path / "out"), *options])

    assert status == STOPPED
    assert "diverges" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_half_a_file_of_weights_is_named(dataset, base, tmp_path):
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((base / name).read_bytes())
    weights = (base / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])

    with pytest.raises(VitrineError, match="encoder in "):
        train_encoder(dataset, tmp_path, tmp_path / "out", FAST)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        (PAIRS, b"", "0 queries of the split train have an answer"),
        (QUERIES, b"\xff\xfe", "queries.jsonl, line 1"),
        (QUERIES, b'{"query_id": "q0"}\n', "queries.jsonl, line 1"),
    ],
)
def test_data_that_teach_nothing_are_refused(base, tmp_path, file, content, told):
    dataset = a_dataset(tmp_path / "data")
    (dataset.folder / file).write_bytes(content)

    with pytest.raises(VitrineError, match=told):
        train_encoder(Dataset(dataset.folder), base, tmp_path / "out", FAST)


def test_a_missing_channel_is_named(monkeypatch, capsys):
    monkeypatch.delenv("SM_CHANNEL_DATASET", raising=False)

    assert main([]) == STOPPED
    assert "SM_CHANNEL_DATASET" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_learn_what_one_does(dataset, base, tmp_path):
    training = Training(epochs=1, batch=8, noise=0, keep=0, threads=1, learning_rate=1e-3, evaluations=1, at_once=0)
    train_encoder(dataset, base, tmp_path / "one", training)
    options = ["--dataset", dataset.folder, "--base", base, "--output", tmp_path / "two", "--epochs", "1"]
    options += ["--batch", "8", "--noise", "0", "--keep", "0", "--threads", "1", "--learning-rate", "1e-3"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

    subprocess.run(
        [sys.executable, *torchrun, "-m", "sagemaker_jobs.train_encoder", "--evaluations", "1", *map(str, options)],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )

    one, two = (TextEncoder.load(tmp_path / name) for name in ("one", "two"))
    texts = ["acorn desk lamp", "a red kettle by Cedar"]
    np.testing.assert_allclose(one.encode(texts, max_tokens=16), two.encode(texts, max_tokens=16), atol=2e-2)


def test_a_job_ends_well(dataset, base, tmp_path):
    options = [
        "--epochs",
        "1",
        "--batch",
        "8",
        "--threads",
        "1",
        "--adversarial",
        "0.1",
        "--matryoshka",
        "--at-once",
        "0",
    ]

    status = main(["--dataset", str(dataset.folder), "--base", str(base), "--output", str(tmp_path), *options])

    assert status == DONE
    assert (tmp_path / "manifest.json").is_file()
