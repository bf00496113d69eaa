import copy

import pytest

torch = pytest.importorskip("torch")

from transformers import DistilBertConfig, DistilBertModel  # noqa: E402

from models.pruning import layers_of, prune_heads, prune_layers, prune_neurons  # noqa: E402
from models.recovery import Recovery, recover  # noqa: E402
from models.text_encoder import TextEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402

BATCH = (torch.tensor([[2, 40, 41, 42, 3], [2, 43, 44, 45, 3]]), torch.ones(2, 5, dtype=torch.long))
OTHERS = (torch.tensor([[2, 50, 41, 52, 3], [2, 53, 44, 55, 3]]), torch.ones(2, 5, dtype=torch.long))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def model(folder):
    return TextEncoder.load(folder)


def vectors(model, batch=BATCH):
    with torch.inference_mode():
        return model(*batch)


def weights(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_keeping_everything_changes_nothing(model):
    before, count = vectors(model), weights(model)

    prune_layers(model, [BATCH], keep=2)
    prune_heads(model, [BATCH], keep=2)
    prune_neurons(model, [BATCH], keep=64)

    torch.testing.assert_close(vectors(model), before)
    assert weights(model) == count


def test_a_head_that_goes_takes_its_rows_and_columns_along(model):
    before, count = vectors(model), weights(model)

    prune_heads(model, [BATCH], keep=1)

    # Of each of 2 layers: 3 projections of 32 to 16 with biases, and 16 columns of the output's 32 rows.
    assert count - weights(model) == 2 * (3 * (32 * 16 + 16) + 32 * 16)
    assert vectors(model).shape == before.shape


def test_neurons_that_go_take_their_rows_and_columns_along(model):
    count = weights(model)

    prune_neurons(model, [BATCH], keep=48)

    assert count - weights(model) == 2 * 16 * (32 + 1 + 32)
    assert vectors(model).shape == (2, 32)


def test_a_layer_that_goes_takes_all_its_weights_along(model):
    count, of_layer = weights(model), sum(p.numel() for p in layers_of(model)[0].parameters())

    prune_layers(model, [BATCH], keep=1)

    assert count - weights(model) == of_layer
    assert len(layers_of(model)) == model.network.config.num_hidden_layers == 1


def test_what_contributes_nothing_goes_first_and_is_not_missed(model):
    for layer in layers_of(model):
        with torch.no_grad():
            layer.output.dense.weight[:, 10:20] = 0
            layer.attention.output.dense.weight[:, :16] = 0
    before = vectors(model)

    prune_neurons(model, [BATCH], keep=54)
    prune_heads(model, [BATCH], keep=1)

    torch.testing.assert_close(vectors(model), before)


def test_the_layer_that_hardly_turns_its_input_goes_first(model):
    with torch.no_grad():
        for part in (layers_of(model)[0].output.dense, layers_of(model)[0].attention.output.dense):
            part.weight.zero_()
            part.bias.zero_()
    stays = layers_of(model)[1]

    prune_layers(model, [BATCH], keep=1)

    assert list(layers_of(model)) == [stays]


def test_a_pruned_encoder_learns_its_vectors_again(model):
    wanted, texts = vectors(copy.deepcopy(model)), BATCH[0].tolist()
    prune_neurons(model, [OTHERS], keep=8)
    before = (vectors(model) - wanted).square().sum()

    history = recover(model, texts, wanted.numpy(), Recovery(steps=40, learning_rate=1e-3), lambda _: None)

    assert (vectors(model) - wanted).square().sum() < before / 10
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize(("prune", "keep", "expected"), [(prune_layers, 3, "2"), (prune_heads, 0, "2")])
def test_more_than_there_is_or_nothing_cannot_be_kept(model, prune, keep, expected):
    with pytest.raises(VitrineError, match=f"{keep} .* are to be kept: expected 1 to {expected}"):
        prune(model, [BATCH], keep=keep)


def test_a_network_that_is_no_bert_is_refused(model):
    model.network = DistilBertModel(DistilBertConfig(vocab_size=99, dim=32, n_heads=2, n_layers=1, hidden_dim=64))

    with pytest.raises(VitrineError, match="'distilbert' cannot be pruned"):
        prune_heads(model, [BATCH], keep=1)
