"""The ranker of a release, run by ONNX."""

from pathlib import Path
from typing import Self

from pydantic import ValidationError

from relevance.arrays import Matrix, Vector
from relevance.contracts.models import RankerManifest
from relevance.errors import FeatureMismatch, ReleaseRefused
from relevance.features import FEATURE_NAMES
from relevance.onnx_session import Session, open_session, run_session


class OnnxScorer:
    """A model from features to one score a candidate."""

    def __init__(self, session: Session, ranker_id: str) -> None:
        self._session = session
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
        return cls(open_session(folder / "ranker.onnx"), manifest.ranker_id)

    def score(self, features: Matrix) -> Vector:
        """Shape (n, f) in, shape (n,) out; higher is more relevant. Raises ModelFailed if the model does not answer."""
        return run_session(self._session, {"features": features})


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} features ({', '.join(names)})"
