import math

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from models.contrastive import Chunk, Contrast, Perturbed, backward, contrastive_loss  # noqa: E402

NONE_ELSE = torch.tensor([[True, False], [False, True]])


class MeanOfWords(nn.Module):
    """The smallest encoder: the mean of its words' vectors, brought to length 1."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(20, 4)

    def forward(self, token_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.words(token_ids) * mask.unsqueeze(-1)
        return nn.functional.normalize(hidden.sum(dim=1) / mask.sum(dim=1, keepdim=True), dim=-1)


def chunks(ids: torch.Tensor, size: int) -> list[Chunk]:
    """In another order than the batch's."""
    order = torch.arange(len(ids)).flip(0)
    return [Chunk(ids[part], torch.ones_like(ids[part]), part) for part in order.split(size)]


def test_the_loss_is_that_of_a_softmax_over_the_products():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    loss = contrastive_loss(queries, queries, NONE_ELSE, torch.ones(2), Contrast(temperature=1.0))

    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)  # own cosine 1, the other 0


def test_a_product_that_is_known_to_answer_too_is_no_negative():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    loss = contrastive_loss(queries, queries, torch.ones(2, 2, dtype=torch.bool), torch.ones(2), Contrast())

    assert loss.item() == 0


def test_a_pair_of_more_weight_counts_more():
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    products = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # right for the first query, wrong for the second
    by_weight = [
        contrastive_loss(queries, products, NONE_ELSE, torch.tensor([1.0, weight]), Contrast(1.0)).item()
        for weight in (1.0, 3.0)
    ]

    assert by_weight[1] == pytest.approx(math.log(2))  # both losses are those of an even choice
    assert by_weight[0] == pytest.approx(math.log(2))


def test_beginnings_of_vectors_must_do_alone():
    queries = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]]) / math.sqrt(2)  # the first halves are the same

    whole = contrastive_loss(queries, queries, NONE_ELSE, torch.ones(2), Contrast(0.1))
    both = contrastive_loss(queries, queries, NONE_ELSE, torch.ones(2), Contrast(0.1, prefixes=(4, 2)))

    assert both.item() == pytest.approx((whole.item() + math.log(2)) / 2, abs=1e-6)


def test_chunks_add_up_to_the_gradient_of_the_whole_batch():
    queries, products = torch.randint(20, (6, 3)), torch.randint(20, (9, 5))
    answers = torch.eye(6, 9, dtype=torch.bool)
    found = []
    for at_once in (True, False):
        encoder = MeanOfWords()
        loss = backward(
            encoder, chunks(queries, 4), chunks(products, 2), answers, torch.ones(6), Contrast(), at_once=at_once
        )
        found.append((loss, encoder.words.weight.grad))

    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-6, rtol=1e-5)


def test_a_perturbation_makes_the_loss_larger_and_leaves_no_trace():
    queries, products = torch.randint(20, (4, 3)), torch.randint(20, (4, 5))
    encoder = MeanOfWords()
    batch = (chunks(queries, 4), chunks(products, 4), torch.eye(4, dtype=torch.bool), torch.ones(4), Contrast())
    before = encoder.words.weight.detach().clone()
    loss = backward(encoder, *batch)

    with Perturbed(encoder.words, 0.5):
        perturbed = backward(encoder, *batch)

    assert perturbed > loss
    torch.testing.assert_close(encoder.words.weight.detach(), before)
