from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.text_encoder import TextEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from sagemaker_jobs import distil as job  # noqa: E402
from sagemaker_jobs.distil import Training, a_student, distil, main, top_overlap  # noqa: E402
from sagemaker_jobs.embed import main as embed  # noqa: E402
from sagemaker_jobs.job import STOPPED  # noqa: E402
from sagemaker_jobs.unlabelled_queries import unlabelled_queries  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402
from tests.sagemaker_jobs.derived_shop import made_up_shop  # noqa: E402
from tests.sagemaker_jobs.learning_data import a_dataset, some_vectors  # noqa: E402

FAST = Training(layers=1, epochs=10, queries=400, batch=32, product_batch=4, learning_rate=3e-3, threads=1)


@pytest.fixture(scope="module", autouse=True)
def few_queries():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "HELD_OUT", 100)
        yield


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return a_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def vectors(dataset, large, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    embed(["--dataset", str(dataset.folder), "--encoder", str(large), "--output", str(folder), "--threads", "1"])
    return folder


@pytest.fixture(scope="module")
def taught(dataset, large, vectors, tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    return folder, distil(dataset, large, vectors, folder, FAST)


def test_a_student_of_fewer_layers_learns_to_find_what_the_large_one_finds(taught):
    _, manifest = taught

    assert manifest.metrics["validation:overlap10"] > manifest.metrics["validation:overlap10_before"] + 0.1


def test_a_student_lives_in_the_large_ones_space(taught, large):
    folder, manifest = taught
    student = TextEncoder.load(folder)

    assert student.space == manifest.space == TextEncoder.load(large).encoder_id
    assert student.encoder_id == manifest.encoder_id != student.space
    assert student.network.config.num_hidden_layers == 1


def test_the_same_seed_gives_the_same_student(taught, dataset, large, vectors, tmp_path):
    again = distil(dataset, large, vectors, tmp_path, FAST)

    assert again.encoder_id == taught[1].encoder_id


def test_an_interrupted_student_goes_on_where_it_stood(taught, dataset, large, vectors, tmp_path, monkeypatch):
    def interrupted(fit, *arguments):
        if arguments[-1] > 80:
            raise KeyboardInterrupt
        return step(fit, *arguments)

    step = job._Teaching._step
    monkeypatch.setattr(job._Teaching, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        distil(dataset, large, vectors, tmp_path / "out", FAST, checkpoints=tmp_path / "kept")
    monkeypatch.setattr(job._Teaching, "_step", step)
    assert not (tmp_path / "out").exists()

    manifest = distil(dataset, large, vectors, tmp_path / "out", FAST, checkpoints=tmp_path / "kept")

    assert manifest.encoder_id == taught[1].encoder_id


def test_vectors_of_another_encoder_are_refused(dataset, large, tmp_path):
    other = some_vectors(dataset, tmp_path / "vectors", space="another")

    with pytest.raises(VitrineError, match="in the space of another, expected 60 in that of original-"):
        distil(dataset, large, other, tmp_path / "out", FAST)


def test_a_diverging_loss_stops_and_leaves_nothing(dataset, large, vectors, tmp_path):
    with pytest.raises(VitrineError, match="diverges at a learning rate of 1e\\+30"):
        distil(dataset, large, vectors, tmp_path / "out", replace(FAST, learning_rate=1e30))

    assert not (tmp_path / "out").exists()


def test_layers_that_are_not_there_are_refused(large):
    with pytest.raises(VitrineError, match="--layers 3: expected 0 to 2"):
        a_student(TextEncoder.load(large), 3)


def test_a_student_keeps_the_last_layer(large):
    encoder = TextEncoder.load(large)

    student = a_student(encoder, 1)

    kept, last = student.network.encoder.layer[0], encoder.network.encoder.layer[1]
    torch.testing.assert_close(kept.state_dict(), last.state_dict())


def test_a_student_whose_vectors_have_another_length_is_refused(large):
    encoder = TextEncoder.load(large, dimension=16)

    with pytest.raises(VitrineError, match=r"vectors of 32 numbers, the large encoder .* of 16"):
        a_student(encoder, 0, large)


def test_overlap_counts_what_both_find():
    products = np.eye(4, dtype=np.float32)
    first = np.array([[1.0, 0.9, 0.0, 0.0]], dtype=np.float32)
    second = np.array([[1.0, 0.0, 0.9, 0.0]], dtype=np.float32)

    assert top_overlap(first, second, products, 2) == 0.5
    assert top_overlap(first, first, products, 2) == 1
    assert top_overlap(first, second, products, 10) == 1  # of four products all are found


def test_unlabelled_queries_are_distinct_and_never_those_that_must_not_be():
    shop = made_up_shop()
    first = unlabelled_queries(shop, 50, seed=1)

    others = unlabelled_queries(shop, 50, seed=1, without=set(first))

    assert len(set(first)) == len(first) == 50
    assert not set(first) & set(others)
    assert first == unlabelled_queries(shop, 50, seed=1)
    assert unlabelled_queries([], 5, seed=1) == []


def test_a_missing_channel_is_named(monkeypatch, capsys):
    monkeypatch.delenv("SM_CHANNEL_DATASET", raising=False)

    assert main([]) == STOPPED
    assert "SM_CHANNEL_DATASET" in capsys.readouterr().err


def test_a_student_that_is_the_large_encoder_is_taught_nothing(dataset, large, vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(job._Teaching, "_step", lambda *_: pytest.fail("a step was taken"))

    manifest = distil(dataset, large, vectors, tmp_path, replace(FAST, layers=2))

    assert manifest.metrics["validation:overlap10"] == 1
    assert TextEncoder.load(tmp_path).space == TextEncoder.load(large).encoder_id
