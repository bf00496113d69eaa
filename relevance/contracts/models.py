"""What a model says of itself: the manifest beside its weights. Unknown fields are refused."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Frozen):
    """One file of a model, by content."""

    sha256: Sha256
    size_bytes: int = Field(ge=0)


class EncoderParity(_Frozen):
    """How near the shipped encoder comes to the model it was made from."""

    reference: str
    """The original, as it ran: weights, arithmetic, library."""
    data: str
    """Which texts were compared."""
    texts: int
    cosine_mean: float
    """Between both vectors of the same text, in [-1, 1]."""
    cosine_min: float
    queries: int = 0
    top10_overlap: float | None = None
    """In [0, 1]: the share of a query's ten nearest texts that both agree on; None without a catalogue."""


class EncoderManifest(_Frozen):
    """Beside `model.onnx` and `vocab.txt` of a text encoder."""

    encoder_id: str = Field(min_length=1)
    """Vectors of two encoders may be compared only if their ids are equal."""
    dimension: int = Field(gt=0)
    max_tokens: int = Field(ge=2)
    """The longest text the model was trained for, [CLS] and [SEP] included."""
    optimised: bool
    """The graph was optimised before it was saved and is loaded as it is."""
    files: dict[str, FileEntry]
    derived_from: str
    licence: str
    made_at: datetime
    versions: dict[str, str]
    parity: EncoderParity


class RankerManifest(_Frozen):
    """Beside `ranker.onnx`."""

    ranker_id: str = Field(min_length=1)
    feature_names: tuple[str, ...]
    """The model's inputs, in order."""
    files: dict[str, FileEntry]
    metrics: dict[str, float]
    """Offline, on queries that were not trained on; nDCG in [0, 1], the name says which order it is of."""
    metrics_data: str
    """What the metrics were measured on."""
    seed: int
    derived_from: str
    licence: str
    made_at: datetime
    versions: dict[str, str]
