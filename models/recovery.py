"""Teach an encoder that was pruned, or that computes in eight bits, to give the vectors again that it is meant to give.

Texts need no answers for that: the large encoder's vector of each is what is learnt.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.text_encoder import TextEncoder
from relevance.arrays import Matrix
from relevance.errors import VitrineError
from relevance.progress import pace

_REPORTS = 10


@dataclass(frozen=True)
class Recovery:
    """How an encoder learns its vectors again."""

    steps: int = 300
    tokens: int = 512
    """Of a batch, at most: many queries or a few products. All its texts have as many, so that none is padded."""
    learning_rate: float = 2e-5
    """The highest; it grows over a twentieth of the steps, then falls to nought along a cosine."""
    seed: int = 1


def recover(
    model: TextEncoder, texts: Sequence[Sequence[int]], wanted: Matrix, recovery: Recovery, say: Callable[[str], None]
) -> list[dict[str, float]]:
    """Fit the weights in place, and say how it goes.

    Args:
        model: In evaluation mode, which it keeps: dropout would only blur what is to be learnt.
        texts: Token numbers of each text.
        wanted: Shape (n, d), rows of length 1: the vector that each shall have.
        recovery: How.
        say: Told now and then.

    Returns:
        The mean loss of each tenth of the steps: squared distances, in [0, 4].

    Raises:
        VitrineError: If the loss is no number any more.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, numbers in enumerate(texts):
        by_length[len(numbers)].append(row)
    lengths = sorted(by_length)
    shares = np.array([len(by_length[length]) for length in lengths]) / len(texts)
    generator = np.random.default_rng(recovery.seed)
    optimiser = torch.optim.AdamW(
        [weights for weights in model.parameters() if weights.requires_grad], lr=recovery.learning_rate, weight_decay=0
    )
    warm_up = max(1, recovery.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / warm_up) * (1 + np.cos(np.pi * step / recovery.steps)) / 2
    )
    every = max(1, recovery.steps // _REPORTS)
    history: list[dict[str, float]] = []
    losses: list[float] = []
    begun = time.monotonic()
    for step in range(1, recovery.steps + 1):
        of_length = by_length[int(generator.choice(lengths, p=shares))]
        size = min(len(of_length), max(1, recovery.tokens // len(texts[of_length[0]])))
        rows = generator.choice(of_length, size=size, replace=False)
        loss = _distance(model, torch.tensor([texts[row] for row in rows]), torch.from_numpy(wanted[rows]))
        if not torch.isfinite(loss):
            raise VitrineError(
                f"step {step}: the loss is {loss.item()}, expected a number; the training diverges at a learning rate "
                f"of {recovery.learning_rate:g}"
            )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % every == 0 or step == recovery.steps:
            history.append({"step": step, "loss": round(float(np.mean(losses)), 6)})
            say(f"loss {history[-1]['loss']:.5f}, steps: {pace(step, recovery.steps, time.monotonic() - begun)}")
            losses = []
    return history


def _distance(model: TextEncoder, token_ids: Tensor, wanted: Tensor) -> Tensor:
    """Scalar: the mean squared distance of vectors; token_ids of shape (n, t), wanted of shape (n, d)."""
    found: Tensor = model(token_ids, torch.ones_like(token_ids))
    return (found - wanted).square().sum(dim=1).mean()
