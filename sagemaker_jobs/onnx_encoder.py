"""An encoder, or a teacher, as ONNX: its graph written, brought to eight bits, fused, and timed."""

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic

from models.cross_encoder import CrossEncoder
from models.text_encoder import MAX_TOKENS, TextEncoder
from relevance.arrays import Matrix
from relevance.onnx_session import Session, run_session
from relevance.wordpiece import WordPiece

Operator = Literal["MatMul", "Gemm", "Gather"]
WITH_TABLES: tuple[Operator, ...] = ("MatMul", "Gemm", "Gather")
"""Weights of linear layers, and tables of embeddings: one scale for the whole table."""
WITHOUT_TABLES: tuple[Operator, ...] = ("MatMul", "Gemm")


def export_fp32(model: TextEncoder, path: Path) -> None:
    """Write the graph with free batch size and length; inputs `token_ids` and `mask`, output `vectors`."""
    example = torch.tensor([[101, 2023, 2003, 102], [101, 2023, 102, 0]]) % model.network.config.vocab_size
    inputs = {"token_ids": example, "mask": (example > 0).long()}
    _export(model, inputs, path, output="vectors", tokens=longest(model))


def export_teacher(model: CrossEncoder, path: Path) -> None:
    """The same of a cross-encoder; inputs `token_ids`, `segments` and `mask`, output `scores`."""
    tokens = int(model.network.config.max_position_embeddings)
    token_ids, segments, mask = model.tokenised([("desk lamp", "A lamp for a large desk"), ("lamp", "")])
    inputs = {"token_ids": token_ids, "segments": segments, "mask": mask}
    _export(model, inputs, path, output="scores", tokens=tokens)


def _export(
    model: torch.nn.Module, inputs: Mapping[str, torch.Tensor], path: Path, *, output: str, tokens: int
) -> None:
    """`inputs`: each of shape (n, t), by name, in the order of the model's arguments; `tokens`: the largest t."""
    batch, length = torch.export.Dim("n"), torch.export.Dim("t", max=tokens)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations; parity is the judge of its work
        torch.onnx.export(
            model,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=[output],
            dynamo=True,
            dynamic_shapes={name: {0: batch, 1: length} for name in inputs},
            external_data=False,
            verbose=False,
        )
    graph = onnx.load(path)
    del graph.graph.value_info[:]  # shapes that quantisation would contradict
    onnx.save(graph, path)


def longest(model: TextEncoder) -> int:
    """The longest text, in tokens, that a network can read and was trained for."""
    return min(MAX_TOKENS, int(model.network.config.max_position_embeddings))


def quantise(fp32: Path, path: Path, *, operators: Sequence[Operator] = WITH_TABLES) -> None:
    """8-bit weights per channel, activations at run time; then `fuse`.

    Weights without a sign: a processor without instructions for eight bits (AVX2 alone) adds products of signed ones up
    in 16 bits, which overflow without a word; of unsigned ones in 32.
    """
    plain = path.with_suffix(".plain.onnx")
    quantize_dynamic(fp32, plain, weight_type=QuantType.QUInt8, per_channel=True, op_types_to_quantize=list(operators))
    fuse(plain, path)
    plain.unlink()


def fuse(plain: Path, path: Path) -> None:
    """The runtime's own fusions, saved.

    Loading the saved graph as it is takes two thirds of the time. The fusions are those that no processor
    is needed for ("extended"), so the file runs on x86-64 and arm64.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])


def vectors_of(session: Session, wordpiece: WordPiece, texts: Sequence[Sequence[int]]) -> Matrix:
    """Shape (n, d): the vector of each text, given as token numbers, each by itself as a search encodes it."""
    return np.concatenate([run_session(session, _inputs(wordpiece, numbers)) for numbers in texts])


def median_ms(
    sessions: Mapping[str, Session], wordpiece: WordPiece, texts: Sequence[Sequence[int]], *, rounds: int
) -> dict[str, float]:
    """Milliseconds of one text, the median over texts and rounds, of models side by side.

    Every text goes through all models before the next text comes, so that a busy moment of the machine meets all of
    them; each model reads it twice, and the second time counts.
    """
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for numbers in texts:
            inputs = _inputs(wordpiece, numbers)
            for name, session in sessions.items():
                session.run(None, inputs)
                begun = time.perf_counter()
                session.run(None, inputs)
                taken[name].append(1000 * (time.perf_counter() - begun))
    return {name: median(times) for name, times in taken.items()}


def _inputs(wordpiece: WordPiece, numbers: Sequence[int]) -> dict[str, NDArray[np.int64]]:
    token_ids, mask = wordpiece.pad([numbers])
    return {"token_ids": token_ids, "mask": mask}
