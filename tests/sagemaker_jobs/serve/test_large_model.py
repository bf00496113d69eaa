import json
import shutil

import numpy as np
import pytest

from models.cross_encoder import CrossEncoder
from models.text_encoder import TextEncoder
from relevance.contracts.large_model import Purchase
from relevance.contracts.served import LargeModelManifest
from relevance.errors import FileDamaged, ModelFailed, ReleaseRefused, VitrineError
from relevance.pairs import Pair
from relevance.release_files import file_entry
from sagemaker_jobs.package_model import package_model
from sagemaker_jobs.serve.large_model import LargeModel

TEXTS = ("desk lamp", "a kettle", "", "Birch notebook case. " + "felt and cotton " * 30, "fan")
PAIRS: tuple[Pair, ...] = (("desk lamp", "Acorn desk lamp, black"), ("", "x"), ("fan " * 40, "lamp " * 90))


@pytest.fixture(scope="module")
def model(packed) -> LargeModel:
    return LargeModel.load(packed)


def test_vectors_are_torchs_with_the_prefix_before_queries_only(model, parts):
    torchs = TextEncoder.load(parts.encoder)

    queries, products = model.encode(TEXTS, "encode_query"), model.encode(TEXTS, "encode_product")

    assert torchs.query_prefix == "query "
    np.testing.assert_allclose(queries, torchs.encode(TEXTS, max_tokens=64, prefix="query ", exact=True), atol=1e-5)
    np.testing.assert_allclose(products, torchs.encode(TEXTS, max_tokens=64, exact=True), atol=1e-5)


def test_a_vector_in_full_precision_does_not_depend_on_its_neighbours(model):
    together = model.encode(TEXTS, "encode_query")

    alone = np.concatenate([model.encode([text], "encode_query") for text in TEXTS])

    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_eight_bits_are_near_and_a_vector_is_the_same_to_the_bit_beside_others(packed, model):
    eight = LargeModel.load(packed, precision="int8", threads=2)

    together = eight.encode(TEXTS, "encode_product")

    assert np.sum(together * model.encode(TEXTS, "encode_product"), axis=1).min() > 0.97
    np.testing.assert_array_equal(together, np.concatenate([eight.encode([text], "encode_product") for text in TEXTS]))


def test_scores_are_torchs(model, parts):
    teacher = CrossEncoder.load(parts.teacher)

    scores = model.score(PAIRS)

    np.testing.assert_allclose(scores, teacher(*teacher.tokenised(PAIRS)).detach().numpy(), atol=1e-4)


def test_a_taste_is_of_length_one_and_what_is_unknown_is_passed_over(model):
    taste = model.taste([Purchase(product_id="gone", age_days=0), Purchase(product_id="kettle", age_days=1)])

    np.testing.assert_allclose(taste, np.eye(1, model.manifest.encoder.dimension, 1)[0], atol=1e-6)


def test_a_shopper_of_whom_nothing_is_known_has_no_taste(model):
    assert model.taste([Purchase(product_id="gone", age_days=0)]) is None


def test_the_manifest_tells_how_near_each_precision_came_and_every_file(packed, model):
    manifest = LargeModelManifest.model_validate_json((packed / "manifest.json").read_bytes())

    lying = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert lying == {*manifest.files, "manifest.json"}
    assert manifest.agreement.cosine_min["fp32"] >= 0.9999
    assert 0.97 <= manifest.agreement.cosine_min["int8"] < 1
    assert manifest.agreement.score_difference_max <= 0.001
    assert model.tasks == ("encode_query", "encode_product", "score", "encode_shopper")


@pytest.fixture
def copy(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "copy")


@pytest.mark.parametrize("name", ["encoder/model.onnx", "encoder/vocab.txt", "teacher/model.onnx", "golden.json"])
def test_a_file_that_is_not_the_manifests_is_refused_by_name(copy, name):
    with (copy / name).open("ab") as file:
        file.write(b" ")

    with pytest.raises(FileDamaged, match=f"{name} is sha256=.* its manifest says sha256="):
        LargeModel.load(copy)


def test_a_missing_file_is_refused_by_name(copy):
    (copy / "shopper" / "shopper.npz").unlink()

    with pytest.raises(FileDamaged, match=r"shopper\.npz is missing"):
        LargeModel.load(copy)


def test_networks_that_give_other_vectors_than_the_golden_ones_do_not_pass(copy):
    golden = json.loads((copy / "golden.json").read_text())
    golden["texts"][0]["vector"] = golden["texts"][1]["vector"]
    (copy / "golden.json").write_text(json.dumps(golden))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["golden.json"] = file_entry(copy / "golden.json").model_dump()
    (copy / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(ModelFailed, match=r"the vector of 'laptop' has cosine 0\.\d+ to the golden one"):
        LargeModel.load(copy).check()


def test_eight_bits_are_for_processors(packed):
    with pytest.raises(ReleaseRefused, match="int8 on cuda"):
        LargeModel.load(packed, provider="cuda", precision="int8")


def test_without_a_gpu_a_folder_does_not_open_for_one(packed):
    with pytest.raises(ReleaseRefused, match="CUDAExecutionProvider"):
        LargeModel.load(packed, provider="cuda")


def test_a_precision_that_was_not_packed_is_refused_with_those_that_were(parts, tmp_path):
    package_model(tmp_path, encoder=parts.encoder)

    with pytest.raises(ReleaseRefused, match="asked for in int8, the folder holds fp32"):
        LargeModel.load(tmp_path, precision="int8")
    assert LargeModel.load(tmp_path).tasks == ("encode_query", "encode_product")


def test_shoppers_of_another_space_than_the_encoders_are_not_packed(parts, tmp_path):
    shopper = shutil.copytree(parts.shopper, tmp_path / "shopper")
    manifest = json.loads((shopper / "manifest.json").read_text())
    (shopper / "manifest.json").write_text(json.dumps(manifest | {"space": "another"}))

    with pytest.raises(VitrineError, match=r"shoppers-1 gives vectors of another, the encoder tiny-.* of tiny-"):
        package_model(tmp_path / "packed", encoder=parts.encoder, shopper=shopper)
    assert not (tmp_path / "packed").exists()
