import json
import re
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

from relevance.contracts.models import EncoderManifest, Lineage, ShopperManifest
from relevance.errors import VitrineError
from relevance.release import open_release
from relevance.release_files import MANIFEST, file_entry
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.export import CATEGORIES, lineage_of, main
from sagemaker_jobs.job import DONE, STOPPED
from sagemaker_jobs.product_vectors import ABOUT
from tests.builders import some_products, write_linear_ranker
from tests.sagemaker_jobs.training_results import (
    a_query,
    random_directions,
    write_dataset,
    write_encoder,
    write_vectors,
)


@pytest.fixture
def trained(tmp_path):
    """What the jobs before this one wrote."""
    dataset = write_dataset(tmp_path / "dataset", some_products(), {a_query("kettle"): {"kettle": 1.0}})
    encoder = write_encoder(tmp_path / "encoder", space="large")
    write_vectors(tmp_path / "vectors", dataset, encoder, random_directions(8, 384))
    write_linear_ranker(tmp_path / "ranker", {"fused": 1.0})
    return tmp_path


def exported(trained, *more):
    channels = [
        word for name in ("dataset", "vectors", "encoder", "ranker") for word in (f"--{name}", str(trained / name))
    ]
    status = main([*channels, "--output", str(trained / "releases"), *more])
    return status, sorted((trained / "releases").glob("*"))


def test_a_release_says_where_its_parts_come_from(trained, capsys):
    before = Lineage(
        data_sha256=Dataset(trained / "dataset").report["sha256"],
        git_commit=None,
        parameters={"epochs": 3},
        seed=7,
        parent="minilm",
    )
    manifest = EncoderManifest.model_validate_json((trained / "encoder" / MANIFEST).read_bytes())
    (trained / "encoder" / MANIFEST).write_text(manifest.model_copy(update={"lineage": before}).model_dump_json())

    status, (folder,) = exported(trained)

    release = open_release(folder)
    assert status == DONE
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    assert (release.manifest.space, release.manifest.products, release.manifest.ranker_id) == ("large", 8, "linear-1")
    assert release.manifest.lineage.data_sha256 == before.data_sha256
    assert release.manifest.lineage.parameters == {"ranker.seed": 0, "encoder.seed": 7, "encoder.epochs": 3}
    assert (release.manifest.lineage.seed, release.manifest.lineage.parent) == (7, "minilm")


def test_a_release_keeps_the_shops_settings_and_says_which_version_of_its_catalogue_it_is_of(trained):
    report = trained / "dataset" / "report.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | {"catalogue_version": 7}))
    (trained / "dataset" / "settings.json").write_text('{"replicas": ["products_price_asc"]}')
    (trained / "dataset" / "synonyms.json").write_text("[]")

    status, (folder,) = exported(trained)

    assert status == DONE
    assert open_release(folder).manifest.catalogue_version == 7
    assert (folder / "index" / "settings.json").read_text() == '{"replicas": ["products_price_asc"]}'
    assert (folder / "index" / "synonyms.json").read_text() == "[]"


def test_the_same_training_makes_the_same_release(trained):
    exported(trained)

    assert len(exported(trained)[1]) == 1


def test_predicted_categories_fill_what_products_lack(trained, capsys):
    stated = some_products()[0].model_copy(update={"categories": ("Bags",)})
    shutil.rmtree(trained / "dataset")
    dataset = write_dataset(trained / "dataset", [stated, *some_products()[1:]], {a_query("kettle"): {"kettle": 1.0}})
    write_vectors(trained / "vectors", dataset, trained / "encoder", random_directions(8, 384))
    (trained / "categories").mkdir()
    lines = [
        {"product_id": stated.product_id, "category": ["Other"], "probability": 0.9},
        {"product_id": "kettle", "category": ["Kitchen", "Kettles"], "probability": 0.9},
    ]
    (trained / "categories" / CATEGORIES).write_text("\n".join(map(json.dumps, lines)))

    status, (folder,) = exported(trained, "--categories", str(trained / "categories"))

    records = {record["objectID"]: record for record in open_release(folder).index.records(np.arange(8))}
    assert status == DONE
    assert records["kettle"]["categories"] == ["Kitchen", "Kettles"]
    assert records[stated.product_id]["categories"] == ["Bags"]
    assert "categories" not in records["lamp"]
    assert "7 of 8 products state no category, 1 were given one" in capsys.readouterr().err


def write_shopper(trained, **fields):
    """A model of what shoppers buy next, of which only the manifest is read here, beside its job's records."""
    folder = trained / "shopper"
    folder.mkdir()
    for name in ("shopper.npz", "history.json", "report.json"):
        (folder / name).write_text(f"{name}'s content")
    lineage = Lineage(
        data_sha256=Dataset(trained / "dataset").report["sha256"], git_commit=None, parameters={"epochs": 2}, seed=3
    )
    given = {
        "shopper_model_id": "shopper-1",
        "space": "large",
        "dimension": 384,
        "behaviour_dimension": 8,
        "products": 8,
        "files": {"shopper.npz": file_entry(folder / "shopper.npz")},
        "metrics": {},
        "metrics_data": "none",
        "lineage": lineage,
        "made_at": datetime(2026, 1, 1, tzinfo=UTC),
        "versions": {},
    }
    (folder / MANIFEST).write_text(ShopperManifest.model_validate(given | fields).model_dump_json())
    return str(folder)


def test_what_shoppers_buy_next_travels_along_without_its_jobs_records(trained):
    _, (folder,) = exported(trained, "--shopper", write_shopper(trained))

    manifest = open_release(folder).manifest
    assert {name for name in manifest.files if name.startswith("shopper/")} == {
        "shopper/manifest.json",
        "shopper/shopper.npz",
    }
    assert manifest.lineage.parameters["shopper.epochs"] == 2


def test_a_shop_without_purchases_gets_a_release_without_a_shopper_model(trained):
    (trained / "shopper").mkdir()
    (trained / "shopper" / "report.json").write_text("{}")

    status, (folder,) = exported(trained, "--shopper", str(trained / "shopper"))

    assert status == DONE
    assert not (folder / "shopper").exists()


def test_a_shopper_model_of_another_space_is_refused(trained, capsys):
    status, folders = exported(trained, "--shopper", write_shopper(trained, space="larger"))

    assert (status, folders) == (STOPPED, [])
    assert "reads vectors of larger, the products' are of large" in capsys.readouterr().err


def changed(file, **fields):
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda at: changed(at / "vectors" / ABOUT, data_sha256="1" * 64),
            "made of the data set 111111111111, .* holds",
        ),
        (lambda at: changed(at / "vectors" / ABOUT, space="larger"), "in the space of large, .* in that of larger"),
        (lambda at: cut(at / "encoder" / "vocab.txt"), "vocab.txt has .* bytes and another sha256"),
        (lambda at: (at / "ranker" / "ranker.onnx").unlink(), "ranker.onnx is missing"),
        (lambda at: (at / "encoder" / MANIFEST).unlink(), "holds no encoder"),
        (lambda at: shutil.rmtree(at / "vectors"), "input 'vectors'|vectors in"),
        (lambda at: (at / "dataset" / "products.jsonl").unlink(), "no data set of `prepare`"),
    ],
    ids=["other data", "another space", "half a file", "no ranker", "no encoder", "no vectors", "no data set"],
)
def test_parts_that_do_not_fit_leave_no_release(trained, capsys, damage, said):
    damage(trained)

    status, folders = exported(trained)

    assert status == STOPPED
    assert re.search(said, capsys.readouterr().err)
    assert folders == []


def test_a_category_of_an_unknown_product_is_refused(trained, capsys):
    (trained / "categories").mkdir()
    line = {"product_id": "sofa", "category": ["Sofas"], "probability": 0.9}
    (trained / "categories" / CATEGORIES).write_text(json.dumps(line))

    status, folders = exported(trained, "--categories", str(trained / "categories"))

    assert (status, folders) == (STOPPED, [])
    assert "line 1: there is no product sofa" in capsys.readouterr().err


def test_a_part_trained_on_other_data_is_refused():
    lineage = Lineage(data_sha256="1" * 64, git_commit=None, parameters={}, seed=1)

    with pytest.raises(VitrineError, match="the encoder was trained on the data set 111111111111"):
        lineage_of("0" * 64, {"encoder": lineage}, ranker_seed=1)
