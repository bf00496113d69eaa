import pytest

from relevance.errors import VitrineError
from relevance.judgments import FILE, read_judgments, usable


@pytest.fixture
def data_with(tmp_path):
    def write(*rows):
        (tmp_path / FILE).write_text("\n".join(["query,product_id,rating", *rows]) + "\n")
        return tmp_path / FILE

    return write


def test_ratings_are_read_by_query_and_product(data_with):
    judgments = read_judgments(data_with("laptop,1,3", "laptop,2,0", '"mouse, red",1,1'))

    assert judgments == {"laptop": {"1": 3.0, "2": 0.0}, "mouse, red": {"1": 1.0}}


def test_a_query_without_a_good_product_is_left_out():
    assert list(usable({"laptop": {"1": 0.0, "2": 1.0}, "sofa": {"1": 0.0}})) == ["laptop"]


@pytest.mark.parametrize(("row", "reason"), [("laptop,1,4", "line 3: rating '4'"), ("laptop,1,", "line 3: rating ''")])
def test_a_rating_that_is_none_is_named_by_its_line(data_with, row, reason):
    with pytest.raises(VitrineError, match=reason):
        read_judgments(data_with("laptop,7,3", row))


def test_a_product_judged_twice_for_one_query_is_refused(data_with):
    with pytest.raises(VitrineError, match="line 3: 'laptop' rates product 1 again"):
        read_judgments(data_with("laptop,1,3", "laptop,1,2"))


@pytest.mark.parametrize("content", [b"", b"query;product_id;rating\n", b"query,product_id,rating\n\xff,1,3\n"])
def test_a_file_that_is_no_table_of_ratings_is_refused_by_its_name(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)

    with pytest.raises(VitrineError, match=FILE):
        read_judgments(tmp_path / FILE)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(VitrineError, match=FILE):
        read_judgments(tmp_path / FILE)
