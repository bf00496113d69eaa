"""A served folder with a network of two layers in each part, packed by the job itself once for the whole run."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.cross_encoder import CrossEncoder  # noqa: E402
from models.text_encoder import TextEncoder  # noqa: E402
from relevance.contracts.models import Lineage, ShopperManifest  # noqa: E402
from relevance.recommenders import NextPurchases  # noqa: E402
from relevance.release_files import file_entry  # noqa: E402
from sagemaker_jobs.package_model import package_model  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402

HABITS = 4
BOUGHT = ("lamp", "kettle", "fan")


class Parts(NamedTuple):
    """What the jobs of training wrote."""

    encoder: Path
    teacher: Path
    shopper: Path


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> Parts:
    folder = tmp_path_factory.mktemp("parts")
    bert = a_tiny_bert(folder / "bert")
    encoder = TextEncoder.load(bert)
    encoder.query_prefix = "query "
    encoder.save(folder / "encoder", name="tiny", derived_from="chance", licence="none", metrics={}, lineage=None)
    torch.manual_seed(3)
    CrossEncoder.from_encoder(bert).save(
        folder / "teacher", trained_on="nothing", metrics={}, seed=3, derived_from="chance"
    )
    loaded = TextEncoder.load(folder / "encoder")
    write_shoppers(folder / "shopper", space=loaded.space, dimension=loaded.dimension)
    return Parts(folder / "encoder", folder / "teacher", folder / "shopper")


@pytest.fixture(scope="session")
def packed(parts, tmp_path_factory) -> Path:
    """All parts, and the encoder in eight bits; read only."""
    folder = tmp_path_factory.mktemp("packed")
    package_model(folder, encoder=parts.encoder, teacher=parts.teacher, shopper=parts.shopper, int8=True)
    return folder


def write_shoppers(folder: Path, *, space: str, dimension: int) -> None:
    """A model that reads HABITS numbers of what was bought last, and hands them on as the first of a taste."""
    count = len(BOUGHT)
    reading = np.eye(count, HABITS, dtype=np.float32)
    model = NextPurchases(
        product_ids=list(BOUGHT),
        neighbours=np.zeros((count, 1), np.int32),
        neighbour_weights=np.zeros((count, 1), np.float32),
        trend=np.zeros(count, np.float32),
        late_shoppers=np.zeros(count, np.float32),
        trend_weight=0.0,
        sequence_weight=1.0,
        products=np.zeros((count, dimension + HABITS), np.float32),
        bias=np.zeros(count, np.float32),
        reading=reading,
        attention=np.zeros((HABITS, 1), np.float32),
        attention_bias=np.zeros(1, np.float32),
        forgetting_days=np.array([0.01], np.float32),  # so that only the last purchase counts
        mix=np.eye(HABITS, dtype=np.float32),
        mix_bias=np.zeros(HABITS, np.float32),
        to_text=np.eye(HABITS, dimension, dtype=np.float32),
    )
    folder.mkdir()
    np.savez(folder / "shopper.npz", **model.arrays())
    manifest = ShopperManifest(
        shopper_model_id="shoppers-1",
        space=space,
        dimension=dimension,
        behaviour_dimension=HABITS,
        products=count,
        files={"shopper.npz": file_entry(folder / "shopper.npz")},
        metrics={},
        metrics_data="none",
        lineage=Lineage(data_sha256="0" * 64, git_commit=None, parameters={}, seed=0),
        made_at="2026-11-27T00:00:00Z",
        versions={},
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
