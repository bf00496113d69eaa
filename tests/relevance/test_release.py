import json
import shutil

import pytest

from relevance.errors import FeatureMismatch, FileDamaged, ReleaseRefused
from relevance.features import FEATURE_NAMES
from relevance.release import open_release
from relevance.release_files import MANIFEST, file_entry
from tests.builders import a_release, write_linear_ranker


@pytest.fixture
def release(release_folder, tmp_path):
    """A copy of the small release, to be damaged."""
    return shutil.copytree(release_folder, tmp_path / release_folder.name)


def change_manifest(folder, **fields):
    """Rewrite the manifest, with the present files' sizes and hashes."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text()) | fields
    manifest["files"] = {name: file_entry(folder / name).model_dump() for name in manifest["files"]}
    path.write_text(json.dumps(manifest))


def test_a_whole_release_opens(release):
    opened = open_release(release)

    assert opened.release_id == release.name
    assert opened.manifest.products == 8


def test_a_truncated_file_is_refused_with_both_sizes(release):
    path = release / "ranker" / "ranker.onnx"
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:10])

    with pytest.raises(FileDamaged, match=rf"ranker/ranker.onnx has 10 bytes; the manifest promises {whole}"):
        open_release(release)


def test_a_changed_byte_is_refused_with_both_hashes(release):
    path = release / "index" / "vectors.faiss"
    promised = file_entry(path).sha256
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(FileDamaged, match=f"sha256 {file_entry(path).sha256}; the manifest promises {promised}"):
        open_release(release)


def test_a_missing_file_is_refused(release):
    (release / "products" / "products.jsonl").unlink()

    with pytest.raises(FileDamaged, match=r"products/products.jsonl is missing"):
        open_release(release)


def test_other_features_are_refused_with_both_lists(release):
    write_linear_ranker(release / "ranker", {"price": 1.0}, names=("price", "age"))
    change_manifest(release)

    with pytest.raises(
        FeatureMismatch, match=rf"linear-1 .* 2 features \(price, age\); this code .*{FEATURE_NAMES[0]}"
    ):
        open_release(release)


def test_the_same_features_in_another_order_are_refused(release):
    write_linear_ranker(release / "ranker", {}, names=FEATURE_NAMES[::-1])
    change_manifest(release)

    with pytest.raises(FeatureMismatch):
        open_release(release)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("encoder_id", "another", "manifest says encoder another, its files all-minilm"),
        ("space", "large", "manifest says space large, its files original-"),
        ("dimension", 512, "manifest says encoder dimension 512, its files 384"),
        ("ranker_id", "another", "manifest says ranker another, its files linear-1"),
        ("products", 9, "manifest says number of products 9, its files 8"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(release, field, value, said):
    change_manifest(release, **{field: value})

    with pytest.raises(ReleaseRefused, match=said):
        open_release(release)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format_version": 3}'])
def test_a_manifest_that_is_not_understood_is_refused(release, content):
    (release / MANIFEST).write_bytes(content)

    with pytest.raises(ReleaseRefused, match="is not understood"):
        open_release(release)


def test_a_folder_without_a_manifest_is_no_release(tmp_path):
    with pytest.raises(ReleaseRefused, match=f"release {tmp_path.name}: it has no manifest.json"):
        open_release(tmp_path)


def test_a_model_that_cannot_be_opened_leaves_no_release(tmp_path):
    models = tmp_path / "models" / "ranker"
    write_linear_ranker(models, {}, names=("price",))

    with pytest.raises(FeatureMismatch):
        a_release(tmp_path, weights={}, names=("price",))

    assert list((tmp_path / "releases").iterdir()) == []
