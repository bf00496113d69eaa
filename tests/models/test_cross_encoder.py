import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.cross_encoder import CrossEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from relevance.pairs import LENGTH_STEP, PRODUCT_TOKENS, QUERY_TOKENS  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402

PAIRS = [
    ("desk lamp", "Acorn desk lamp, black. A small lamp for a large desk"),
    ("kettle", "Kettle"),
    ("notebook case felt black 14 inch", "Birch notebook case. " + "felt and cotton " * 30),
    ("", "Cedar table fan"),
    ("fan " * 40, ""),
    ("desk lamp", "Dogwood notebook 14 inch white"),
]
BF16 = {"atol": 0.02, "rtol": 0}
"""What the rounding of bfloat16 may change, on scores whose spread is a hundred times as large."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def teacher(folder):
    """Untrained, with an output so large that differences between pairs show."""
    torch.manual_seed(1)
    teacher = CrossEncoder.from_encoder(folder)
    torch.nn.init.normal_(teacher.network.classifier.weight)
    return teacher


def test_pairs_score_the_same_together_in_any_order_and_alone(teacher):
    order = [3, 0, 5, 4, 1, 2]

    together = teacher.score_pairs(PAIRS)
    shuffled = teacher.score_pairs([PAIRS[at] for at in order])
    alone = np.concatenate([teacher.score_pairs([pair]) for pair in PAIRS])

    assert together.std() > 0.1
    np.testing.assert_allclose(shuffled, together[order], **BF16)
    np.testing.assert_allclose(alone, together, **BF16)


def test_padding_does_not_change_a_score(teacher):
    inputs = teacher.tokenised(PAIRS[:1])
    longer = [torch.nn.functional.pad(part, (0, LENGTH_STEP)) for part in inputs]

    with torch.inference_mode():
        torch.testing.assert_close(teacher(*longer), teacher(*inputs), atol=1e-5, rtol=0)


def test_long_texts_are_cut_each_by_itself_and_lengths_step(teacher):
    _, segments, mask = teacher.tokenised([("fan " * 40, "lamp " * 90), PAIRS[1]])

    assert segments.shape[1] % LENGTH_STEP == 0
    assert ((mask == 1) & (segments == 0)).sum(dim=1)[0] == QUERY_TOKENS + 2
    assert segments.sum(dim=1)[0] == PRODUCT_TOKENS + 1


def test_a_query_and_a_product_may_not_change_places(teacher):
    there = teacher.score_pairs(PAIRS)
    back = teacher.score_pairs([(product, query) for query, product in PAIRS])

    assert np.abs(there - back).max() > BF16["atol"]


def test_no_pairs_have_no_scores(teacher):
    assert teacher.score_pairs([]).shape == (0,)


def test_progress_is_told_until_the_end(teacher):
    said: list[str] = []

    teacher.score_pairs(PAIRS, said.append)

    assert said[-1].startswith("scoring pairs: 6 of 6, ")
    assert said[-1].endswith(" 0 s to go")


def test_a_score_has_no_dropout_and_leaves_the_training_as_it_was(teacher):
    teacher.train()

    first, second = teacher.score_pairs(PAIRS), teacher.score_pairs(PAIRS)

    np.testing.assert_array_equal(first, second)
    assert teacher.training


@pytest.fixture
def saved(teacher, tmp_path):
    manifest = teacher.save(
        tmp_path / "teacher", trained_on="nothing", metrics={"ndcg10": 0.5}, seed=1, derived_from="a tiny BERT"
    )
    return tmp_path / "teacher", manifest


def test_saved_and_loaded_it_scores_the_same(teacher, saved):
    folder, _ = saved

    loaded = CrossEncoder.load(folder)

    np.testing.assert_allclose(
        loaded.score_pairs(PAIRS), teacher.score_pairs(PAIRS), rtol=1e-6
    )  # sums, in another order


def test_the_manifest_says_what_it_is_and_nothing_else_is_left(saved):
    folder, manifest = saved

    assert {path.name for path in folder.iterdir()} == {*manifest.files, "manifest.json"}
    assert manifest.metrics == {"ndcg10": 0.5}
    assert manifest.versions["torch"] == torch.__version__


def test_it_can_be_saved_over_an_earlier_one(teacher, saved):
    folder, earlier = saved
    torch.nn.init.normal_(teacher.network.classifier.weight)

    later = teacher.save(folder, trained_on="more", metrics={}, seed=2, derived_from="a tiny BERT")

    assert later.cross_encoder_id != earlier.cross_encoder_id
    np.testing.assert_allclose(CrossEncoder.load(folder).score_pairs(PAIRS), teacher.score_pairs(PAIRS), rtol=1e-6)


def test_weights_that_are_not_the_manifests_are_refused(saved):
    folder, _ = saved
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")

    with pytest.raises(VitrineError, match=r"model\.safetensors is .* its manifest says"):
        CrossEncoder.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "vocab.txt"])
def test_a_folder_that_lacks_a_file_is_refused(saved, name, tmp_path):
    folder = shutil.copytree(saved[0], tmp_path / "copy")
    (folder / name).unlink()

    with pytest.raises(VitrineError, match=name):
        CrossEncoder.load(folder)


def test_an_encoder_that_lacks_a_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(VitrineError, match=r"config\.json is missing"):
        CrossEncoder.from_encoder(tmp_path)
