"""A step is done anew when the code that it runs changed, and only then."""

import pytest

from local.imported_code import code_sha256


@pytest.fixture
def code(tmp_path):
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "train.py").write_text("from shop import prices\nimport json\n")
    (package / "prices.py").write_text("def price():\n    from shop.rounding import rounded\n    return rounded(1)\n")
    (package / "rounding.py").write_text("def rounded(x):\n    return x\n")
    (package / "other.py").write_text("x = 1\n")
    return tmp_path


def test_a_module_that_is_imported_far_away_counts(code):
    before = code_sha256("shop.train", code)

    (code / "shop" / "rounding.py").write_text("def rounded(x):\n    return round(x)\n")

    assert code_sha256("shop.train", code) != before


def test_a_module_that_is_not_imported_does_not_count(code):
    before = code_sha256("shop.train", code)

    (code / "shop" / "other.py").write_text("x = 2\n")

    assert code_sha256("shop.train", code) == before


def test_data_beside_the_code_count(code):
    before = code_sha256("shop.train", code)

    (code / "shop" / "words.txt").write_text("a\n")

    assert code_sha256("shop.train", code) != before


def test_where_the_code_lies_does_not_count(code, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    (code / "shop").rename(elsewhere.parent / "moved")
    elsewhere.mkdir()
    (elsewhere.parent / "moved").rename(elsewhere / "shop")
    moved = code_sha256("shop.train", elsewhere)
    (elsewhere / "shop").rename(code / "shop")

    assert code_sha256("shop.train", code) == moved
