"""What the folder that the endpoint opens promises of itself: the `manifest.json` at its top. Unknown fields are
refused."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from relevance.contracts.models import FileEntry

Precision = Literal["fp32", "int8"]
"""How the encoder's weights are kept: as they were learnt, or in eight bits, which only a processor runs faster."""

LEAST_COSINE: Final[dict[Precision, float]] = {"fp32": 0.9999, "int8": 0.97}
"""Between a golden vector, which torch made in single precision, and the one that the endpoint makes."""
MOST_SCORE_DIFFERENCE: Final = 0.02
"""Between the teacher's score by torch and by the endpoint; scores of right and wrong products lie several apart."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServedEncoder(_Frozen):
    """In `encoder/`: `model.onnx`, perhaps `int8.onnx`, and `vocab.txt` or `tokenizer.json`."""

    encoder_id: str = Field(min_length=1)
    space: str = Field(min_length=1)
    """The id of the encoder whose vectors these may be compared with; its own, or that of its teacher."""
    dimension: int = Field(gt=0)
    query_tokens: int = Field(ge=2)
    product_tokens: int = Field(ge=2)
    """Where either text is cut, as a release cuts those that it holds against each other; the frame included."""
    padding: int = Field(ge=0)
    """The number of the token that fills a batch up."""
    query_prefix: str
    product_prefix: str
    precisions: tuple[Precision, ...] = Field(min_length=1)


class GoldenText(_Frozen):
    """A text, and its vector by torch in single precision."""

    task: Literal["encode_query", "encode_product"]
    text: str
    vector: tuple[float, ...]


class GoldenPair(_Frozen):
    """A query and a product, and the teacher's score of them by torch in single precision."""

    query: str
    product: str
    score: float


class Golden(_Frozen):
    """`golden.json`: what whoever runs the networks must give again, within the tolerances above."""

    texts: tuple[GoldenText, ...] = Field(min_length=1)
    pairs: tuple[GoldenPair, ...] = ()
    """None where there is no teacher."""


class GoldenAgreement(_Frozen):
    """How near the files came to the golden vectors on the machine that wrote them."""

    cosine_min: dict[Precision, float]
    score_difference_max: float | None = None
    """None without a teacher."""


class LargeModelManifest(_Frozen):
    """Everything in a served folder."""

    encoder: ServedEncoder
    teacher_id: str | None = None
    """Of the cross-encoder in `teacher/`; None where there is none, and `score` cannot be asked."""
    shopper_model_id: str | None = None
    """Of the model in `shopper/`; None where there is none, and `encode_shopper` cannot be asked."""
    agreement: GoldenAgreement
    files: dict[str, FileEntry]
    """Every other file, by its path within the folder."""
    derived_from: str
    """Of the encoder, in words."""
    licence: str
    git_commit: str | None
    made_at: datetime
    versions: dict[str, str]
