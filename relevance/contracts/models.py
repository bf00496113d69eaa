"""What a model says of itself: the manifest beside its weights. Unknown fields are refused."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lineage(_Frozen):
    """Where a model or a release comes from; the same lineage gives the same metrics on one machine."""

    data_sha256: Sha256
    """Of the data set's files."""
    git_commit: str | None
    """The code; None outside a repository."""
    parameters: dict[str, str | int | float | bool]
    seed: int
    parent: str | None = None
    """The release, or the encoder, that training started from."""


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


class TorchEncoderManifest(_Frozen):
    """Beside the weights of a text encoder as torch runs it: the large one, or a student before it is compressed."""

    encoder_id: str = Field(min_length=1)
    space: str | None = None
    """The id of the encoder whose vectors these may be compared with; None: its own."""
    dimension: int = Field(gt=0)
    """Of a vector: the first so many of what the network gives, brought to length 1."""
    query_prefix: str = ""
    product_prefix: str = ""
    """Written before each text: what the network was first trained with, such as `query: `."""
    derived_from: str
    """The network that training started from, in words."""
    licence: str
    files: dict[str, FileEntry]
    metrics: dict[str, float]
    lineage: Lineage | None = None
    made_at: datetime
    versions: dict[str, str]


class EncoderManifest(_Frozen):
    """Beside `model.onnx` and `vocab.txt` of a text encoder."""

    encoder_id: str = Field(min_length=1)
    space: str | None = None
    """The id of the encoder whose vectors these may be compared with; None: its own. Vectors of two encoders may be
    compared only if they share a space."""
    dimension: int = Field(gt=0)
    max_tokens: int = Field(ge=2)
    """The longest text the model was trained for, [CLS] and [SEP] included."""
    optimised: bool
    """The graph was optimised before it was saved and is loaded as it is."""
    files: dict[str, FileEntry]
    derived_from: str
    licence: str
    lineage: Lineage | None = None
    made_at: datetime
    versions: dict[str, str]
    parity: EncoderParity

    @property
    def own_space(self) -> str:
        """What its vectors may be compared with: `space`, or itself."""
        return self.space or self.encoder_id


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
    lineage: Lineage | None = None
    made_at: datetime
    versions: dict[str, str]


class ShopperManifest(_Frozen):
    """Beside `shopper.npz`: what a shopper buys next."""

    shopper_model_id: str = Field(min_length=1)
    space: str
    """The id of the encoder in whose space the text part of every vector lies."""
    dimension: int = Field(gt=0)
    """Of the text part of a vector."""
    behaviour_dimension: int = Field(gt=0)
    """Of the part behind it, which was learnt."""
    products: int = Field(gt=1)
    """That somebody bought; no other is recommended."""
    files: dict[str, FileEntry]
    metrics: dict[str, float]
    """On the last days of the purchases, before these days were learnt from as well."""
    metrics_data: str
    """What the metrics were measured on."""
    lineage: Lineage
    made_at: datetime
    versions: dict[str, str]


class ClassifierManifest(_Frozen):
    """Beside `classifier.npz`: which category a text belongs to."""

    classifier_id: str = Field(min_length=1)
    space: str = Field(min_length=1)
    """The id of the encoder whose vectors it reads."""
    dimension: int = Field(gt=0)
    categories: tuple[tuple[str, ...], ...] = Field(min_length=2)
    """Each a path, broad to narrow, in the order of the weights."""
    temperature: float = Field(gt=0)
    """What scores are divided by, so that probabilities are what comes true."""
    threshold: float | None = Field(default=None, gt=0, le=1)
    """The probability from which a category is believed; None where no probability is right often enough."""
    files: dict[str, FileEntry]
    metrics: dict[str, float]
    """On products that were not learnt from."""
    lineage: Lineage
    made_at: datetime
    versions: dict[str, str]
