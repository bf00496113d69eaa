"""Teaching two texts that belong together to lie together.

The loss of a two-tower encoder, and its gradient for batches that memory would not hold, on one processor or on many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional


@dataclass(frozen=True)
class Chunk:
    """Some texts of a batch: as many as are read at once, of like length, so that little is padding."""

    token_ids: Tensor
    mask: Tensor
    """Shape (c, t), int64, as the token numbers are."""
    places: Tensor
    """Shape (c,): where in the batch they stand."""


@dataclass(frozen=True)
class Contrast:
    """How the loss looks at a batch."""

    temperature: float = 0.05
    """Above 0: cosines are divided by it before the softmax."""
    prefixes: tuple[int, ...] = ()
    """Lengths of vectors' beginnings that must tell products apart by themselves (Matryoshka); none: only the whole."""


def contrastive_loss(queries: Tensor, products: Tensor, answers: Tensor, weights: Tensor, contrast: Contrast) -> Tensor:
    """Cross-entropy of each query's own product among all products that do not answer it: a number.

    loss = weighted mean over queries of -log( e(p) / (e(p) + sum over wrong products w of e(w)) ),  e(x) = exp(q.x / t)

    Args:
        queries: Shape (n, d), rows of length 1.
        products: Shape (m, d), m >= n, rows of length 1: the query's own in its row, hard negatives behind them.
        answers: Shape (n, m), bool: products known to answer a query; beside its own they count neither way.
        weights: Shape (n,), above 0.
        contrast: Temperature, and the beginnings of vectors over which the loss is averaged.

    Source:
        van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018 (InfoNCE); Kusupati et
        al., Matryoshka Representation Learning, NeurIPS 2022.
    """
    own = torch.arange(len(queries), device=queries.device)
    ignored = answers.clone()
    ignored[own, own] = False
    total = queries.new_zeros(())
    lengths = contrast.prefixes or (queries.shape[1],)
    for length in lengths:
        q, p = (functional.normalize(vectors[:, :length], dim=-1) for vectors in (queries, products))
        logits = (q @ p.T / contrast.temperature).masked_fill(ignored, float("-inf"))
        total = total + (weights * functional.cross_entropy(logits, own, reduction="none")).sum() / weights.sum()
    return total / len(lengths)


def backward(
    encoder: nn.Module,
    queries: Sequence[Chunk],
    products: Sequence[Chunk],
    answers: Tensor,
    weights: Tensor,
    contrast: Contrast,
    *,
    at_once: bool = False,
) -> float:
    """Add the loss's gradient to the encoder's parameters and return the loss.

    Each chunk is read twice: first without a gradient, to have all vectors; then, when the loss has said what each
    vector should change, with one. Memory holds one chunk, and the gradient is that of the whole batch. Over several
    processes each reads its own share of the batch, every query meets the products of all, and the sum of their
    gradients is what a single process would have found. The encoder must answer the same twice: no dropout. With
    `at_once` a single process reads everything once, with a gradient: three quarters of the time, and the memory for
    all of it.

    Args:
        encoder: Token numbers and mask in, unit vectors out.
        queries: This process's, in chunks; n in all.
        products: This process's, in chunks: in the first n places own ones, behind them hard negatives.
        answers: Shape (N, M) over the queries and products of all processes in the order of `gathered`.
        weights: Shape (N,), of all queries.
        contrast: See `contrastive_loss`.
        at_once: Whether memory holds the whole batch; of several processes it does not.

    Source:
        Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021.
    """
    if at_once and not dist.is_initialized():
        loss = contrastive_loss(_read(encoder, queries), _read(encoder, products), answers, weights, contrast)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
    with torch.no_grad():
        ours = [_read(encoder, chunks) for chunks in (queries, products)]
    n = len(ours[0])
    own, hard = ours[1][:n], ours[1][n:]
    with torch.enable_grad():
        everyones = [gathered(part).requires_grad_() for part in (ours[0], own, hard)]
        loss = contrastive_loss(everyones[0], torch.cat(everyones[1:]), answers, weights, contrast)
        loss.backward()  # type: ignore[no-untyped-call]
    rank = dist.get_rank() if dist.is_initialized() else 0
    of_queries, of_own, of_hard = (
        part.grad[rank * len(mine) : (rank + 1) * len(mine)]  # type: ignore[index]
        for part, mine in zip(everyones, (ours[0], own, hard), strict=True)
    )
    for chunks, wanted in ((queries, of_queries), (products, torch.cat((of_own, of_hard)))):
        for chunk in chunks:
            (encoder(chunk.token_ids, chunk.mask) * wanted[chunk.places]).sum().backward()
    if dist.is_initialized():
        for parameter in encoder.parameters():
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
    return float(loss.detach())


def _read(encoder: nn.Module, chunks: Sequence[Chunk]) -> Tensor:
    """Vectors in the batch's order, shape (n, d)."""
    vectors = torch.cat([encoder(chunk.token_ids, chunk.mask) for chunk in chunks])
    return vectors[torch.argsort(torch.cat([chunk.places for chunk in chunks]))]


def gathered(mine: Tensor) -> Tensor:
    """The rows of all processes, one process behind the other; each must have as many. Alone: a copy."""
    if not dist.is_initialized():
        return mine.detach().clone()
    parts = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, mine.detach().contiguous())
    return torch.cat(parts)


class Perturbed:
    """Word embeddings shifted a little in the direction that hurts most, for a second look at the same batch.

    Source:
        Miyato et al., Adversarial Training Methods for Semi-Supervised Text Classification, ICLR 2017.
    """

    def __init__(self, embeddings: nn.Module, size: float) -> None:
        """`size`: how far, as the Euclidean length of the whole shift; above 0. Needs the gradient of a first look."""
        weight = embeddings.weight
        assert isinstance(weight, nn.Parameter)
        self._weight = weight
        gradient = self._weight.grad
        length = 0.0 if gradient is None else float(gradient.norm())
        self._shift = None if gradient is None or length == 0 else gradient * (size / length)

    def __enter__(self) -> None:
        if self._shift is not None:
            self._weight.data.add_(self._shift)

    def __exit__(self, *_: object) -> None:
        if self._shift is not None:
            self._weight.data.sub_(self._shift)
