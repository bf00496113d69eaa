"""Take whole layers, attention heads and neurons out of a BERT, so that less is computed and not only less is stored.

What is taken is what adds least to the sum that runs through the network, over some texts: for a neuron or a head the
mean square of its contribution, for a layer how much it turns its input. Nothing is learnt here; `models.recovery` does
that afterwards. Single weights are left alone: a matrix with holes takes as long as one without.

Sources:
    Neurons and heads: the score of Sun et al., A Simple and Effective Pruning Approach for Large Language Models
    (Wanda, ICLR 2024), input norm times weight, summed over the outputs.
    Layers: Men et al., ShortGPT (2024), block influence.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.text_encoder import TextEncoder
from relevance.errors import VitrineError

Texts = Sequence[tuple[Tensor, Tensor]]
"""Token numbers and mask of batches, each without padding."""


def layers_of(model: TextEncoder) -> list[Any]:
    """The layers of a BERT, in the order in which they are computed.

    Raises:
        VitrineError: If the network is built otherwise.
    """
    layers: Any = getattr(getattr(model.network, "encoder", None), "layer", None)
    if not isinstance(layers, nn.ModuleList) or not hasattr(layers[0], "attention"):
        raise VitrineError(f"a network of kind {model.network.config.model_type!r} cannot be pruned: expected a BERT")
    return list(layers)


def prune_layers(model: TextEncoder, texts: Texts, *, keep: int) -> None:
    """Leave the `keep` layers that turn their input most, in their order, in place."""
    layers = layers_of(model)
    _between("layers", keep, len(layers))
    turned = torch.zeros(len(layers))

    def watch(number: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor | tuple[Tensor, ...]], None]:
        def remember(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor | tuple[Tensor, ...]) -> None:
            after = outputs if isinstance(outputs, Tensor) else outputs[0]
            turned[number] += (1 - functional.cosine_similarity(inputs[0], after, dim=-1)).mean()

        return remember

    _watching([layer.register_forward_hook(watch(at)) for at, layer in enumerate(layers)], model, texts)
    model.network.get_submodule("encoder").layer = nn.ModuleList(layers[at] for at in _largest(turned, keep))
    model.network.config.num_hidden_layers = keep


def prune_heads(model: TextEncoder, texts: Texts, *, keep: int) -> None:
    """Leave the `keep` heads of each layer that contribute most, in place."""
    layers = layers_of(model)
    for layer in layers:
        _between("heads", keep, layer.attention.self.num_attention_heads)
    squares = _contributions(model, texts, [layer.attention.output.dense for layer in layers])
    for layer, square in zip(layers, squares, strict=True):
        attention, output = layer.attention.self, layer.attention.output
        size = attention.attention_head_size
        heads = _largest(square.view(-1, size).sum(dim=1), keep)
        kept = torch.cat([torch.arange(head * size, (head + 1) * size) for head in heads])
        for name in ("query", "key", "value"):
            setattr(attention, name, _with_outputs(getattr(attention, name), kept))
        output.dense = _with_inputs(output.dense, kept)
        attention.num_attention_heads, attention.all_head_size = keep, keep * size


def prune_neurons(model: TextEncoder, texts: Texts, *, keep: int) -> None:
    """Leave the `keep` neurons of each feed-forward part that contribute most, in place."""
    layers = layers_of(model)
    for layer in layers:
        _between("neurons", keep, layer.output.dense.in_features)
    squares = _contributions(model, texts, [layer.output.dense for layer in layers])
    for layer, square in zip(layers, squares, strict=True):
        kept = torch.tensor(_largest(square, keep))
        layer.intermediate.dense = _with_outputs(layer.intermediate.dense, kept)
        layer.output.dense = _with_inputs(layer.output.dense, kept)
    model.network.config.intermediate_size = keep


def _contributions(model: TextEncoder, texts: Texts, linears: Sequence[nn.Linear]) -> list[Tensor]:
    """Of each linear layer, shape (in,): how much each of its inputs adds to its output, squared and summed."""
    squares = [torch.zeros(linear.in_features) for linear in linears]

    def watch(number: int) -> Callable[[nn.Module, tuple[Tensor]], None]:
        def remember(_: nn.Module, inputs: tuple[Tensor]) -> None:
            squares[number] += inputs[0].square().flatten(0, -2).sum(dim=0)

        return remember

    _watching([linear.register_forward_pre_hook(watch(at)) for at, linear in enumerate(linears)], model, texts)
    return [
        square * linear.weight.detach().square().sum(dim=0) for square, linear in zip(squares, linears, strict=True)
    ]


def _watching(watchers: Sequence[torch.utils.hooks.RemovableHandle], model: TextEncoder, texts: Texts) -> None:
    try:
        with torch.inference_mode():
            for batch in texts:
                model(*batch)
    finally:
        for watcher in watchers:
            watcher.remove()


def _largest(values: Tensor, count: int) -> list[int]:
    """Where they are, in ascending order."""
    return sorted(values.argsort(descending=True, stable=True)[:count].tolist())


def _between(what: str, keep: int, there: int) -> None:
    if not 1 <= keep <= there:
        raise VitrineError(f"{keep} {what} are to be kept: expected 1 to {there}")


def _with_outputs(linear: nn.Linear, kept: Tensor) -> nn.Linear:
    smaller = nn.Linear(linear.in_features, len(kept))
    smaller.weight = nn.Parameter(linear.weight.detach()[kept].clone())
    smaller.bias = nn.Parameter(linear.bias.detach()[kept].clone())
    return smaller


def _with_inputs(linear: nn.Linear, kept: Tensor) -> nn.Linear:
    smaller = nn.Linear(len(kept), linear.out_features)
    smaller.weight = nn.Parameter(linear.weight.detach()[:, kept].clone())
    smaller.bias = nn.Parameter(linear.bias.detach().clone())
    return smaller
