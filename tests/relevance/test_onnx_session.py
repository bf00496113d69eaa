from pathlib import Path

import pytest

from relevance.errors import ReleaseRefused
from relevance.onnx_session import open_session

ENCODER = Path(__file__).parents[2] / "models" / "artefacts" / "encoder" / "model.onnx"


def test_a_damaged_model_is_refused_by_name(tmp_path):
    (tmp_path / "model.onnx").write_bytes(ENCODER.read_bytes()[:100_000])

    with pytest.raises(ReleaseRefused, match=r"model\.onnx"):
        open_session(tmp_path / "model.onnx")


def test_a_missing_model_is_refused_by_name(tmp_path):
    with pytest.raises(ReleaseRefused, match=r"model\.onnx"):
        open_session(tmp_path / "model.onnx")
