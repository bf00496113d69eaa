"""What eight bits do to a network, computed in floating point so that it can learn to bear them.

The runtime (`onnxruntime.quantization.quantize_dynamic`) rounds the weights of a linear layer to whole numbers from 0
to 255 with one scale and one place of nought for each output, and its input likewise with one for the whole tensor,
which is the input of one text, because each text runs alone. Here the same rounding is a step of the forward pass, and
the backward pass takes it for no step at all.

Source:
    Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (CVPR 2018), section 3; the gradient is the straight-through estimator of Bengio et al. (2013).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGEST_WEIGHT = 127
_STEPS = 255


def rounded_weights(weights: Tensor) -> Tensor:
    """Shape (out, in): what is left of weights after eight bits, one scale for each row."""
    return _rounded(weights, (1,))


def rounded_activations(activations: Tensor) -> Tensor:
    """Shape (n, t, h): what is left of activations after eight bits, one scale for each of the n texts.

    Padding would count, so the texts of a batch must be of one length.
    """
    return _rounded(activations, (1, 2))


def _rounded(given: Tensor, together: tuple[int, ...]) -> Tensor:
    """Whole steps on the way forward, no step at all on the way back; what lies along the axes named shares a scale."""
    values = given.detach()
    low = values.amin(dim=together, keepdim=True).clamp(max=0.0)
    high = values.amax(dim=together, keepdim=True).clamp(min=0.0)
    scale = (high - low).clamp(min=1e-12) / _STEPS
    zero = (-low / scale).round()
    whole = ((values / scale).round() + zero).clamp(0, _STEPS)
    return given + ((whole - zero) * scale - given).detach()


class RoundedLinear(nn.Linear):
    """A linear layer that computes what the runtime will, once it is told to."""

    rounds = False

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, t, in) to (n, t, out)."""
        if not self.rounds:
            return super().forward(inputs)
        return functional.linear(rounded_activations(inputs), rounded_weights(self.weight), self.bias)


class RoundedEmbedding(nn.Module):
    """A table of vectors in eight bits, with one scale for each row; the runtime's own has one for the whole table."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        table = embedding.weight.detach()
        scale = table.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / _LARGEST_WEIGHT
        self.register_buffer("table", (table / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)
        self.table: Tensor
        self.scale: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        """Shape (...) of row numbers to (..., h)."""
        return functional.embedding(rows, self.table).float() * functional.embedding(rows, self.scale)


def prepare(model: nn.Module) -> None:
    """Replace in place every linear layer by one that can round, and every embedding by its rounded table.

    Linear layers share their parameters with those that they replace, and do not round yet.
    """
    for name, module in list(model.named_modules()):
        parent, _, child = name.rpartition(".")
        if isinstance(module, nn.Embedding):
            setattr(model.get_submodule(parent), child, RoundedEmbedding(module))
        elif isinstance(module, nn.Linear):
            rounded = RoundedLinear(module.in_features, module.out_features, bias=module.bias is not None)
            rounded.weight, rounded.bias = module.weight, module.bias
            setattr(model.get_submodule(parent), child, rounded)


def simulate(model: nn.Module, *, rounds: bool) -> None:
    """Whether linear layers round as the runtime will; they must not while the graph is exported."""
    for module in model.modules():
        if isinstance(module, RoundedLinear):
            module.rounds = rounds
