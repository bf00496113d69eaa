import json
import shutil

import numpy as np
import pytest

from relevance.contracts.models import EncoderManifest, Lineage
from relevance.encoder import TextEncoder
from relevance.errors import ReleaseRefused, VitrineError
from relevance.release import open_release
from relevance.release_files import MANIFEST
from sagemaker_jobs import build_release
from sagemaker_jobs.build_release import ARTEFACTS, BUILT, NO_RELEASE, SOME_REFUSED, main
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest
from tests.builders import some_products, write_linear_ranker


@pytest.fixture
def folders(tmp_path):
    """A catalogue and a ranker to build with; no encoder, so that a build takes no time."""
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    lines = [json.dumps(product.record()) for product in some_products()]
    (catalogue / "products.jsonl").write_text("\n".join(lines) + "\n")
    write_linear_ranker(tmp_path / "models" / "ranker", {"bm25": 1.0})
    return tmp_path


def build(folders):
    return main(
        [
            *("--catalogue", str(folders / "catalogue")),
            *("--models", str(folders / "models")),
            *("--output", str(folders / "releases")),
        ]
    )


def releases(folders):
    return sorted(path.name for path in (folders / "releases").glob("*"))


def test_the_releases_folder_is_the_last_line(folders, capsys):
    status = build(folders)

    folder = folders / "releases" / releases(folders)[0]
    assert status == BUILT
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    assert open_release(folder).manifest.products == 8


def test_equal_inputs_are_built_once(folders, capsys):
    build(folders)
    build(folders)

    assert len(releases(folders)) == 1
    assert "used again" in capsys.readouterr().err


def test_another_ranker_makes_another_release(folders):
    build(folders)
    write_linear_ranker(folders / "models" / "ranker", {"bm25": 1.0}, ranker_id="linear-2")

    build(folders)

    assert len(releases(folders)) == 2


def test_a_damaged_release_is_not_used_again(folders, monkeypatch):
    build(folders)
    (folders / "releases" / releases(folders)[0] / "card.md").write_text("changed")
    monkeypatch.setattr(build_release, "_release_id", lambda made_at, inputs: f"later-{inputs[:8]}")

    build(folders)

    assert len(releases(folders)) == 2


def test_a_broken_line_is_named_and_the_rest_is_kept(folders, capsys):
    with (folders / "catalogue" / "products.jsonl").open("a") as file:
        file.write('{"objectID": "x"}\nnot json\n')

    status = build(folders)

    said = capsys.readouterr().err
    assert status == SOME_REFUSED
    assert "products.jsonl line 9: title is missing" in said
    assert "products.jsonl line 10: not JSON" in said
    assert open_release(folders / "releases" / releases(folders)[0]).manifest.products == 8


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n"])
def test_a_catalogue_without_products_makes_no_release(folders, capsys, content):
    (folders / "catalogue" / "products.jsonl").write_text(content)

    status = build(folders)

    assert status == NO_RELEASE
    assert "a release needs at least one" in capsys.readouterr().err
    assert not (folders / "releases").exists()


def test_a_missing_catalogue_is_named(folders, capsys):
    (folders / "catalogue" / "products.jsonl").unlink()

    assert build(folders) == NO_RELEASE
    assert "products.jsonl" in capsys.readouterr().err


def test_settings_synonyms_and_the_catalogues_version_become_part_of_the_release(folders):
    build(folders)
    accompanying = {"settings.json": '{"enableRules": false}', "synonyms.json": "[]"}
    for name, content in accompanying.items():
        (folders / "catalogue" / name).write_text(content)
    (folders / "catalogue" / "report.json").write_text('{"source": "a table", "catalogue_version": 7}')

    build(folders)

    manifests = [open_release(folders / "releases" / name).manifest for name in releases(folders)]
    newest = next(manifest for manifest in manifests if manifest.catalogue_version == 7)
    assert len(manifests) == 2
    assert newest.catalogue.startswith("a table: 8 products")
    index = folders / "releases" / newest.release_id / "index"
    assert {name: (index / name).read_text() for name in accompanying} == accompanying
    assert {"index/settings.json", "index/synonyms.json"} <= newest.files.keys()


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """Models whose encoder says that its vectors lie in the space of an encoder called `large`."""
    encoder = tmp_path_factory.mktemp("student") / "encoder"
    shutil.copytree(ARTEFACTS / "encoder", encoder)
    manifest = EncoderManifest.model_validate_json((encoder / MANIFEST).read_bytes())
    (encoder / MANIFEST).write_text(manifest.model_copy(update={"space": "large"}).model_dump_json())
    return encoder.parent


def vectors_by(space, folder, products=8):
    """Each product's vector is a direction of its own, so that it is known whose vectors a release took."""
    manifest = VectorsManifest(encoder_id=space, space=space, dimension=384, products=products, data_sha256="0" * 64)
    ProductVectors(manifest, np.eye(products, 384, dtype=np.float32)).write(folder)
    return folder


def release_with(models, output, **given):
    return build_release.build_release(
        some_products(), models, output, described="a test's catalogue", say=lambda _: None, **given
    )


def test_products_are_found_by_the_vectors_that_were_given(student, tmp_path):
    lineage = Lineage(data_sha256="1" * 64, git_commit=None, parameters={"epochs": 3}, seed=7, parent="before")

    folder = release_with(student, tmp_path, vectors=vectors_by("large", tmp_path / "vectors"), lineage=lineage)

    release = open_release(folder)
    assert release.manifest.space == "large"
    assert release.manifest.lineage == lineage
    held = release.index._vectors.take(np.arange(8))
    assert np.argmax(held, axis=1).tolist() == list(range(8))


def test_vectors_of_another_space_than_the_encoders_are_refused_with_both(student, tmp_path):
    with pytest.raises(ReleaseRefused, match=r"all-minilm.* in the space of large, .* lie in that of larger"):
        release_with(student, tmp_path / "releases", vectors=vectors_by("larger", tmp_path / "vectors"))

    assert not (tmp_path / "releases").exists()


def test_vectors_without_an_encoder_for_queries_are_refused(tmp_path):
    write_linear_ranker(tmp_path / "models" / "ranker", {"bm25": 1.0})

    with pytest.raises(ReleaseRefused, match="vectors of large without an encoder for queries"):
        release_with(tmp_path / "models", tmp_path, vectors=vectors_by("large", tmp_path / "vectors"))


def test_vectors_of_other_products_are_refused(student, tmp_path):
    with pytest.raises(VitrineError, match="9 of them, for 8 products"):
        release_with(student, tmp_path, vectors=vectors_by("large", tmp_path / "vectors", products=9))


def test_a_student_embeds_products_where_no_vectors_are_given(student, tmp_path):
    release = open_release(release_with(student, tmp_path))

    assert release.manifest.space == release.encoder.manifest.own_space
    encoded = TextEncoder.load(student / "encoder").encode("electric kettle")
    assert int(np.argmax(release.index._vectors.take(np.arange(8)) @ encoded)) == 5
