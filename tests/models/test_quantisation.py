import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from models.quantisation import RoundedEmbedding, prepare, rounded_activations, rounded_weights, simulate  # noqa: E402
from models.text_encoder import TextEncoder  # noqa: E402
from relevance.onnx_session import open_session  # noqa: E402
from sagemaker_jobs.onnx_encoder import WITHOUT_TABLES, export_fp32, quantise, vectors_of  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402

TEXTS = ("desk lamp red", "notebook case black", "kettle white 2kg")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return TextEncoder.load(a_tiny_bert(tmp_path_factory.mktemp("bert")))


def test_weights_are_rounded_to_255_steps_between_the_least_and_the_largest_of_each_row():
    rounded = rounded_weights(torch.tensor([[-55.0, 0.4, 200.0], [0.0, 0.013, 2.55]]))

    torch.testing.assert_close(rounded, torch.tensor([[-55.0, 0.0, 200.0], [0.0, 0.01, 2.55]]))


def test_activations_are_rounded_to_255_steps_between_the_least_and_the_largest_of_each_text():
    texts = torch.tensor([[[-55.0, 0.4, 200.0]], [[0.0, 0.1, 255.0]]])

    torch.testing.assert_close(rounded_activations(texts), torch.tensor([[[-55.0, 0.0, 200.0]], [[0.0, 0.0, 255.0]]]))


def test_the_gradient_takes_rounding_for_no_step_at_all():
    activations = torch.tensor([[[0.1, 0.9, 255.0]]], requires_grad=True)

    rounded_activations(activations).sum().backward()

    torch.testing.assert_close(activations.grad, torch.ones(1, 1, 3))


def test_a_table_in_eight_bits_is_within_half_a_step_of_each_row():
    torch.manual_seed(0)
    table = torch.nn.Embedding(20, 8)
    with torch.no_grad():
        table.weight[3] *= 100
    rows = torch.tensor([[0, 3], [7, 19]])

    rounded = RoundedEmbedding(table)(rows)

    steps = table(rows).abs().amax(dim=-1, keepdim=True) / 127
    assert ((rounded - table(rows)).abs() <= steps / 2 + 1e-6).all()


def test_a_prepared_encoder_that_does_not_round_differs_by_its_tables_alone(model, tmp_path):
    prepared = TextEncoder.load(model.vocabulary.parent)
    numbers = model.tokenised(TEXTS, max_tokens=16)

    prepare(prepared)

    with torch.inference_mode():
        assert (prepared(*numbers) * model(*numbers)).sum(dim=1).min() > 0.9995
    assert {p.data_ptr() for p in prepared.parameters()}.isdisjoint(p.data_ptr() for p in model.parameters())


def test_what_is_simulated_is_what_the_runtime_computes(model, tmp_path):
    prepare(model)
    export_fp32(model, tmp_path / "fp32.onnx")
    quantise(tmp_path / "fp32.onnx", tmp_path / "model.onnx", operators=WITHOUT_TABLES)
    texts = [model.tokeniser.encode(text, max_tokens=16) for text in TEXTS]
    session = open_session(tmp_path / "model.onnx", optimised=True)

    computed = vectors_of(session, model.tokeniser, texts)

    simulate(model, rounds=True)
    with torch.inference_mode():
        simulated = torch.cat([model(torch.tensor([text]), torch.ones(1, len(text), dtype=int)) for text in texts])
        simulate(model, rounds=False)
        exact = torch.cat([model(torch.tensor([text]), torch.ones(1, len(text), dtype=int)) for text in texts])
    off = (torch.from_numpy(computed) - simulated).norm(dim=1)
    assert off.max() < 2e-3
    assert off.max() < (torch.from_numpy(computed) - exact).norm(dim=1).min() / 2
