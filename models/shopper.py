"""The shopper model's sequence part: purchases, the latest counting most, to a vector beside the products' vectors.

A product is a point of two parts, `[text ; behaviour]`: the vector that the text encoder gave it, which training leaves
alone, and what was learnt of those who bought it. A shopper is a point of the same space, `[taste ; habits]`, and

    score = shopper . product + bias = taste . text + habits . behaviour + bias

so a shopper's taste may be compared with a query, or with a product that nobody bought yet.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.purchases import LastBought, PurchaseLog
from relevance.arrays import Matrix, Rows
from relevance.recommenders import LONGEST

_FIRST_FORGETTING_DAYS = (4.0, 20.0, 60.0, 250.0)
"""What training starts from: each head of attention forgets at a pace of its own."""
_PADDED_TO = 16


class Example(NamedTuple):
    """What a shopper had bought at a cut, and what came next."""

    cut: int
    """Its place among the cuts of one `Lessons`."""
    products: Rows
    """Shape (l,), bought before the cut, the last one first."""
    ages_days: NDArray[np.float32]
    """Shape (l,)."""
    next_products: Rows
    """Bought within the time after the cut, and not before."""


class Lessons(NamedTuple):
    """Examples of many cuts, and what was known of the products at each."""

    examples: list[Example]
    sold: NDArray[np.bool_]
    """Shape (cuts, n): whether anybody had bought a product before the cut; others could not be proposed."""
    facts: NDArray[np.float32]
    """Shape (cuts, n, f): what is known of a product whoever asks, so that the network need not learn it."""


class ShopperNetwork(nn.Module):
    """Attention over purchases: each head weighs them by what they are and how long ago they were."""

    def __init__(self, texts: Matrix, *, width: int, facts: int, dropout: float) -> None:
        """`texts`: shape (n, d), of length 1; `width`: of the behaviour part."""
        super().__init__()
        self.texts: Tensor
        self.register_buffer("texts", torch.from_numpy(texts), persistent=False)
        products, dimension = texts.shape
        heads = len(_FIRST_FORGETTING_DAYS)
        self.read_text = nn.Linear(dimension, width, bias=False)
        self.read_product = nn.Parameter(torch.randn(products, width) * 0.05)
        self.attention = nn.Linear(width, heads)
        self.log_forgetting = nn.Parameter(torch.tensor(_FIRST_FORGETTING_DAYS).log())
        self.mix = nn.Linear(heads * width, width)
        self.dropout = nn.Dropout(dropout)
        self.to_text = nn.Linear(width, dimension, bias=False)
        self.behaviour = nn.Parameter(torch.randn(products, width) * 0.05)
        self.bias = nn.Parameter(torch.zeros(products))
        self.fact_weights = nn.Parameter(torch.full((facts,), 0.5))

    def forward(self, products: Tensor, ages_days: Tensor, real: Tensor, facts: Tensor) -> Tensor:
        """How likely each product is bought next: logits of shape (b, n).

        Args:
            products: Shape (b, l), rows of products that were bought.
            ages_days: Shape (b, l).
            real: Shape (b, l): whether a place holds a purchase.
            facts: Shape (b, n, f).
        """
        habits = self.habits(products, ages_days, real)
        # taste . text = (to_text habits) . text = habits . (to_text^T text): the narrower product first
        answering = self.texts @ self.to_text.weight + self.behaviour  # (n, width)
        return habits @ answering.T + self.bias + facts @ self.fact_weights

    def habits(self, products: Tensor, ages_days: Tensor, real: Tensor) -> Tensor:
        """Shape (b, width)."""
        reading = self.texts @ self.read_text.weight.T + self.read_product  # (n, width)
        read = reading[products]  # (b, l, width)
        forgotten = ages_days[..., None] / self.log_forgetting.exp()
        weights = (self.attention(torch.tanh(read)) - forgotten).masked_fill(~real[..., None], -1e9)
        pooled = torch.einsum("blh,blw->bhw", weights.softmax(dim=1), read).flatten(1)
        mixed: Tensor = self.mix(self.dropout(pooled))
        return mixed

    def arrays(self, facts: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What `relevance.recommenders` computes the same with; `facts`: shape (n, f), of the day to recommend on."""
        with torch.no_grad():
            found = {
                "products": torch.cat((self.texts, self.behaviour), dim=1),
                "reading": self.texts @ self.read_text.weight.T + self.read_product,
                "attention": self.attention.weight.T,
                "attention_bias": self.attention.bias,
                "forgetting_days": self.log_forgetting.exp(),
                "mix": self.mix.weight.T,
                "mix_bias": self.mix.bias,
                "to_text": self.to_text.weight.T,
                "bias": self.bias + torch.from_numpy(facts) @ self.fact_weights,
            }
        return {name: np.ascontiguousarray(value.detach().numpy(), dtype=np.float32) for name, value in found.items()}


def lessons_of(log: PurchaseLog, *, cuts: list[int], horizon_days: int, facts: NDArray[np.float32]) -> Lessons:
    """Every shopper at every cut who had bought something before, and something new within the time after.

    Args:
        log: To learn from; nothing of its end is left out.
        cuts: Days.
        horizon_days: How long after a cut counts as next.
        facts: Shape (cuts, n, f), known at each cut.
    """
    examples: list[Example] = []
    sold = np.zeros((len(cuts), len(log.product_ids)), dtype=bool)
    for place, cut in enumerate(cuts):
        last = log.last_bought(cut)
        sold[place, last.products] = True
        after = np.flatnonzero((log.days >= cut) & (log.days < cut + horizon_days) & sold[place, log.products])
        bought = {*zip(last.shoppers.tolist(), last.products.tolist(), strict=True)}
        new: dict[int, set[int]] = {}
        for shopper, product in zip(log.shoppers[after].tolist(), log.products[after].tolist(), strict=True):
            if (shopper, product) not in bought:
                new.setdefault(shopper, set()).add(product)
        for shopper in sorted(new):
            products, ages_days = last.of(shopper, LONGEST)
            if len(products):
                examples.append(Example(place, products, ages_days, np.array(sorted(new[shopper]), dtype=np.int64)))
    return Lessons(examples, sold, facts)


def padded(histories: list[tuple[Rows, NDArray[np.float32]]]) -> tuple[Tensor, Tensor, Tensor]:
    """Products, ages and which places are real, shape (b, l) each, of histories of different lengths."""
    longest = max(len(products) for products, _ in histories)
    shape = (len(histories), max(1, -(-longest // _PADDED_TO)) * _PADDED_TO)
    rows, ages, real = np.zeros(shape, np.int64), np.zeros(shape, np.float32), np.zeros(shape, bool)
    for place, (products, ages_days) in enumerate(histories):
        rows[place, : len(products)] = products
        ages[place, : len(products)] = ages_days
        real[place, : len(products)] = True
    return torch.from_numpy(rows), torch.from_numpy(ages), torch.from_numpy(real)


def loss_of(network: ShopperNetwork, lessons: Lessons, chosen: list[int]) -> Tensor:
    """Cross-entropy of what came next against all products that could have, a mean over examples.

    Each example's products share its weight, so that a shopper who buys much does not decide alone.
    """
    examples = [lessons.examples[at] for at in chosen]
    wanted = np.zeros((len(examples), lessons.sold.shape[1]), dtype=np.float32)
    possible = lessons.sold[[example.cut for example in examples]].copy()
    for place, example in enumerate(examples):
        wanted[place, example.next_products] = 1 / len(example.next_products)
        possible[place, example.products] = False
    facts = torch.from_numpy(lessons.facts[[example.cut for example in examples]])
    logits = network(*padded([(example.products, example.ages_days) for example in examples]), facts)
    logits = logits.masked_fill(~torch.from_numpy(possible), -1e9)
    loss: Tensor = -(torch.from_numpy(wanted) * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return loss


def histories_of(last: LastBought, shoppers: Rows) -> list[tuple[Rows, NDArray[np.float32]]]:
    """What the network reads of each shopper."""
    return [last.of(shopper, LONGEST) for shopper in shoppers.tolist()]
