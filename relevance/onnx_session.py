"""The one place that opens ONNX models: scorer, encoder and jobs all come through here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np

from relevance.arrays import Matrix
from relevance.errors import ModelFailed, ReleaseRefused

Provider = Literal["cpu", "cuda"]
"""What a model runs on."""

_PROVIDERS: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Session(Protocol):
    """An open model: onnxruntime's `InferenceSession`, named without importing it."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> list[Any]:
        """The named outputs, or all; several threads may call it at once."""

    def get_outputs(self) -> Sequence[Any]:
        """The outputs' names, types and shapes."""


def open_session(path: Path, *, threads: int = 1, optimised: bool = False, provider: Provider = "cpu") -> Session:
    """Open a model.

    Args:
        path: An ONNX file.
        threads: Threads within one operator. One by default: a search has one core, and a second
            thread that spins beside it makes both slower.
        optimised: The file holds a graph that was optimised before it was saved, so it is taken as it is.
            This spares about half of the opening time.
        provider: A model that was meant for a GPU and does not get one is refused: on a processor it would answer,
            and many times too late.

    Raises:
        ReleaseRefused: If the file is missing, damaged, or no model that this runtime can run, or if the runtime lacks
            the provider.
    """
    import onnxruntime  # here, because it costs 0.1 s and a search without models never needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only: a warning about an odd machine is no news for a shopper
    if optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    wanted = _PROVIDERS[provider]
    if provider == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA's libraries, where they were installed as wheels
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[wanted])
    except Exception as error:  # the runtime's own exceptions share no parent but this one
        raise ReleaseRefused(
            f"{path}: no model that onnxruntime {onnxruntime.__version__} can open: {error}"
        ) from error
    found = session.get_providers()  # the runtime itself takes the processor instead, and only warns
    if wanted not in found:
        raise ReleaseRefused(f"{path}: to run by {wanted}, but this onnxruntime offers {', '.join(found)}")
    opened: Session = session
    return opened


def run_session(session: Session, inputs: dict[str, Any]) -> Matrix:
    """The first output of a model, as float32.

    Raises:
        ModelFailed: If the runtime fails, or if any number of the output is not finite.
    """
    try:
        output = session.run(None, inputs)[0]
    except Exception as error:  # as above
        raise ModelFailed(f"a model failed: {error}") from error
    result = np.asarray(output, dtype=np.float32)
    if not np.isfinite(result).all():
        raise ModelFailed(f"a model gave numbers that are not finite: {result.size} in all")
    return result
