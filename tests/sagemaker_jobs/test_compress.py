import dataclasses
import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from models.text_encoder import TextEncoder  # noqa: E402
from relevance.contracts.models import EncoderManifest  # noqa: E402
from relevance.encoder import TextEncoder as OnnxTextEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from relevance.product_text import PRODUCT_TOKENS, embedding_text  # noqa: E402
from sagemaker_jobs import compress as job  # noqa: E402
from sagemaker_jobs.compress import WAYS, Compression, Tried, choose, compress, main  # noqa: E402
from sagemaker_jobs.dataset import PRODUCTS  # noqa: E402
from sagemaker_jobs.job import DONE, STOPPED, metric_regex  # noqa: E402
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402
from tests.sagemaker_jobs.learning_data import a_dataset, some_vectors  # noqa: E402

FAST = Compression(queries=300, steps=3, threads=1)
FEW = [way for way in WAYS if way.name in ("fp32", "int8, smoothed", "3/4 of neurons, int8, learnt")]


def saved(encoder, folder, *, space=None):
    encoder.save(folder, name="tiny", derived_from="chance", licence="none", metrics={}, lineage=None, space=space)
    return folder


@dataclasses.dataclass
class Channels:
    dataset: object
    encoder: object
    student: object
    vectors: object

    def compressed(self, output, compression=FAST, **others):
        given = {"encoder": self.encoder, "student": self.student, "vectors": self.vectors} | others
        return compress(given.pop("dataset", self.dataset), *given.values(), output, compression)

    def arguments(self, output):
        folders = {"dataset": self.dataset.folder, "encoder": self.encoder, "student": self.student}
        folders |= {"vectors": self.vectors, "output": output}
        return [part for name, folder in folders.items() for part in (f"--{name}", str(folder))]


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    """A tiny encoder, itself again as its student, and its vectors of a made-up shop."""
    folder = tmp_path_factory.mktemp("channels")
    dataset = a_dataset(folder / "dataset", sizes=3)
    encoder = saved(TextEncoder.load(a_tiny_bert(folder / "bert")), folder / "encoder")
    large = TextEncoder.load(encoder)
    texts = [embedding_text(product) for product in dataset.products]
    about = VectorsManifest(
        encoder_id=large.encoder_id,
        space=large.space,
        dimension=32,
        products=len(texts),
        data_sha256=dataset.report["sha256"],
    )
    ProductVectors(about, large.encode(texts, max_tokens=PRODUCT_TOKENS)).write(folder / "vectors")
    student = saved(TextEncoder.load(encoder), folder / "student", space=large.space)
    return Channels(dataset, encoder, student, folder / "vectors")


@pytest.fixture(scope="module")
def first(channels, tmp_path_factory):
    output = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(job, "WAYS", FEW)
        return output, channels.compressed(output)


def test_what_is_written_opens_as_what_a_function_serves(channels, first):
    output, manifest = first

    encoder = OnnxTextEncoder.load(output)

    assert encoder.manifest == manifest == EncoderManifest.model_validate_json((output / "manifest.json").read_bytes())
    assert manifest.space == TextEncoder.load(channels.encoder).space
    assert sorted(path.name for path in output.iterdir()) == ["manifest.json", "model.onnx", "steps.json", "vocab.txt"]
    np.testing.assert_allclose(np.linalg.norm(encoder.encode("desk lamp")), 1, atol=1e-5)


def test_the_compressed_encoder_still_gives_the_large_encoders_vectors(channels, first):
    output, _ = first
    texts = ["desk lamp", "red kettle by acorn", "notebook case felt"]

    small = OnnxTextEncoder.load(output).encode_batch(texts, max_tokens=32)

    large = TextEncoder.load(channels.encoder).encode(texts, max_tokens=32, exact=True)
    assert np.sum(small * large, axis=1).min() > 0.98


def test_every_step_is_measured_and_one_is_taken(first):
    output, manifest = first

    steps = {step["name"]: step for step in json.loads((output / "steps.json").read_text())}

    assert list(steps) == [way.name for way in FEW]
    assert steps["fp32"]["overlap10"] == 1.0
    sizes = [step["megabytes"] for step in steps.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert all(step["p50_ms"] > 0 for step in steps.values())
    (taken,) = [step for step in steps.values() if step["chosen"]]
    assert manifest.parity.top10_overlap == taken["overlap10"] >= 0.95
    assert manifest.lineage.parameters["way"] == taken["name"]


def tried(name, megabytes, overlap10):
    return Tried(name, megabytes, p50_ms=1.0, overlap10=overlap10, cosine=1.0, product_cosine=1.0, chosen=False)


def test_the_smallest_way_that_keeps_enough_is_taken():
    ways = [tried("as it was", 90, 0.96), tried("half", 45, 0.95), tried("tenth", 9, 0.911)]

    assert choose(ways).name == "half"  # 0.95 * 0.96 is 0.912


def test_of_ways_about_as_small_the_nearest_to_the_large_encoder_is_taken():
    ways = [tried("as it was", 90, 1.0), tried("rounded", 23.0, 0.955), tried("learnt", 23.1, 0.97)]

    assert choose(ways).name == "learnt"


def test_where_nothing_keeps_enough_the_student_stays_as_it_was():
    assert choose([tried("as it was", 90, 0.9), tried("rounded", 23, 0.85)]).name == "as it was"


def test_the_job_reads_its_channels_and_logs_its_figures(channels, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(job, "WAYS", [FEW[0], FEW[2]])

    status = main([*channels.arguments(tmp_path / "out"), "--queries", "50", "--steps", "0", "--threads", "1"])

    log = capsys.readouterr().err
    assert status == DONE
    for name in ("compress:overlap10", "compress:megabytes", "compress:milliseconds"):
        assert f'"metric": "{name}"' in log
        assert metric_regex(name)
    names = [step["name"] for step in json.loads((tmp_path / "out" / "steps.json").read_text())]
    assert names == ["fp32"]  # without steps nothing is learnt


def test_a_missing_channel_stops_the_job_with_its_name(channels, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SM_CHANNEL_STUDENT", raising=False)

    status = main(["--dataset", str(channels.dataset.folder), "--encoder", str(channels.encoder)])

    assert status == STOPPED
    assert "SM_CHANNEL_STUDENT" in capsys.readouterr().err


def test_vectors_of_another_space_are_refused_and_nothing_is_written(channels, tmp_path):
    some_vectors(channels.dataset, tmp_path / "vectors")

    with pytest.raises(VitrineError, match="in the space of large, expected 180 in that of tiny-"):
        channels.compressed(tmp_path / "out", vectors=tmp_path / "vectors")

    assert not (tmp_path / "out").exists()


def test_a_student_of_another_space_is_refused_and_nothing_is_written(channels, tmp_path):
    student = saved(TextEncoder.load(channels.encoder), tmp_path / "student", space="another")

    with pytest.raises(VitrineError, match=r"32 numbers in the space of another.*distil it from that one"):
        channels.compressed(tmp_path / "out", student=student)

    assert not (tmp_path / "out").exists()


def test_weights_that_are_no_numbers_are_refused_and_nothing_is_written(channels, tmp_path):
    broken = TextEncoder.load(channels.encoder)
    torch.nn.init.constant_(broken.network.encoder.layer[0].output.dense.bias, float("nan"))
    student = saved(broken, tmp_path / "student", space=broken.space)

    with pytest.raises(VitrineError, match=r"encoder\.layer\.0\.output\.dense\.bias holds weights that are no numbers"):
        channels.compressed(tmp_path / "out", student=student)

    assert not (tmp_path / "out").exists()


def test_a_student_that_functions_cannot_tokenise_for_is_refused(channels, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    student = tmp_path / "student"
    shutil.copytree(channels.encoder, student, ignore=shutil.ignore_patterns("vocab.txt", "manifest.json"))
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "lamp": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(student)

    with pytest.raises(VitrineError, match="functions can only serve WordPiece"):
        channels.compressed(tmp_path / "out", student=student)

    assert not (tmp_path / "out").exists()


def test_a_student_that_wants_a_prefix_is_refused(channels, tmp_path):
    student = TextEncoder.load(channels.encoder)
    student.query_prefix = "query: "
    folder = saved(student, tmp_path / "student", space=student.space)

    with pytest.raises(VitrineError, match="wants 'query: ' before a text"):
        channels.compressed(tmp_path / "out", student=folder)


def test_one_product_is_refused_and_nothing_is_written(channels, tmp_path):
    dataset = a_dataset(tmp_path / "dataset")
    line = (dataset.folder / PRODUCTS).read_text().splitlines()[0]
    (dataset.folder / PRODUCTS).write_text(line + "\n")

    with pytest.raises(VitrineError, match="has 1 products: expected more than the 10 nearest"):
        channels.compressed(tmp_path / "out", dataset=type(dataset)(dataset.folder))

    assert not (tmp_path / "out").exists()


def test_a_diverging_training_leaves_the_earlier_encoder(channels, first, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "WAYS", FEW[2:])
    output = shutil.copytree(first[0], tmp_path / "out")
    before = {path.name: path.read_bytes() for path in output.iterdir()}

    with pytest.raises(VitrineError, match="the training diverges at a learning rate of"):
        channels.compressed(output, dataclasses.replace(FAST, steps=40, pruned_learning_rate=1e30))

    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
