"""The ranker of a release, run by ONNX."""

from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from relevance.arrays import Matrix, Vector
from relevance.contracts.models import RankerManifest
from relevance.errors import FeatureMismatch, ModelFailed, ReleaseRefused
from relevance.features import FEATURE_NAMES
from relevance.onnx_session import Session, open_session, run_session


class OnnxScorer:
    """A model from features to one score a candidate."""

    def __init__(self, session: Session, ranker_id: str, explaining: Path | None = None) -> None:
        """Of an open model; `explaining` is the one that says what each feature adds, opened when it is asked."""
        self._session = session
        self._explaining = explaining
        self.ranker_id = ranker_id

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open `ranker.onnx` beside `manifest.json`.

        Raises:
            FeatureMismatch: If the manifest names other features than this code computes, or another order.
            ReleaseRefused: If a file is missing or unreadable.
        """
        try:
            manifest = RankerManifest.model_validate_json((folder / "manifest.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise ReleaseRefused(f"ranker in {folder.name}: {error}") from error
        if manifest.feature_names != FEATURE_NAMES:
            raise FeatureMismatch(
                f"ranker {manifest.ranker_id} was trained on {_listed(manifest.feature_names)}; "
                f"this code computes {_listed(FEATURE_NAMES)}"
            )
        explaining = folder / "contributions.onnx"
        return cls(
            open_session(folder / "ranker.onnx"),
            manifest.ranker_id,
            explaining if explaining.name in manifest.files else None,
        )

    def score(self, features: Matrix) -> Vector:
        """Shape (n, f) in, shape (n,) out; higher is more relevant. Raises ModelFailed if the model does not answer."""
        return run_session(self._session, {"features": features})

    def contributions(self, features: Matrix) -> Matrix:
        """What each feature adds to each score, shape (n, f) in and out: a row's sum is the score.

        Raises:
            ModelFailed: If this ranker does not explain itself, or the model does not answer.
        """
        return run_session(self._explanation, {"features": features})

    @cached_property
    def _explanation(self) -> Session:
        if self._explaining is None:
            raise ModelFailed(f"ranker {self.ranker_id} has no contributions.onnx")
        try:
            return open_session(self._explaining)
        except ReleaseRefused as error:
            raise ModelFailed(str(error)) from error


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} features ({', '.join(names)})"
