"""What a release promises of itself: the `manifest.json` at its top. Unknown fields are refused."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from relevance.contracts.models import FileEntry, Lineage, Sha256
from relevance.contracts.training import Verdict

FORMAT_VERSION: Final = 3


class ReleaseManifest(BaseModel):
    """Everything that one release holds, and where it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[3] = FORMAT_VERSION
    release_id: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    made_at: datetime
    git_commit: str | None
    """The code that built it; None outside a repository."""
    inputs_sha256: Sha256
    """Hash of all that the build read: catalogue, models and code. Equal inputs need no second build."""
    catalogue: str
    """The catalogue in words: which shop, how many lines, whether the data are simulated."""
    catalogue_version: int | None = None
    """The catalogue table's version that it was exported at; None for a catalogue that came from a file."""
    products: int = Field(gt=0)
    encoder_id: str | None
    """None when the release has no vectors: every search is lexical then."""
    space: str | None = None
    """The id of the encoder in whose space the products' vectors lie: a query's vector of another must not be compared
    with them. None where there are none, and in releases of before this was written for every one with vectors."""
    dimension: int | None = Field(gt=0)
    frequent_queries: int = Field(default=0, ge=0)
    """How many of the shop's queries have the large model's own vector in it."""
    ranker_id: str | None
    """None when the release has no ranker: the fused order stands."""
    feature_names: tuple[str, ...] = ()
    """What the ranker was trained on, in order."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Offline, of the models in it; their own manifests say on which data."""
    lineage: Lineage | None = None
    """Of the training that made its models; None where they were taken as they shipped."""
    verdict: Verdict | None = None
    """What the gate said of it; None where it was not asked. It is written last, over what all else holds."""
    files: dict[str, FileEntry]
    """Every other file of the release, by its path within the folder."""
