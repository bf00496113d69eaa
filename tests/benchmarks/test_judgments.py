import pytest

from benchmarks.judgments import FILE, read_judgments, usable


@pytest.fixture
def data_with(tmp_path):
    def write(*rows):
        (tmp_path / FILE).parent.mkdir()
        (tmp_path / FILE).write_text("\n".join(["query,product_id,rating", *rows]) + "\n")
        return tmp_path

    return write


def test_ratings_are_read_by_query_and_product(data_with):
    judgments = read_judgments(data_with("laptop,1,3", "laptop,2,0", '"mouse, red",1,1'))

    assert judgments == {"laptop": {"1": 3.0, "2": 0.0}, "mouse, red": {"1": 1.0}}


def test_a_query_without_a_good_product_is_left_out():
    assert list(usable({"laptop": {"1": 0.0, "2": 1.0}, "sofa": {"1": 0.0}})) == ["laptop"]


@pytest.mark.parametrize(("row", "reason"), [("laptop,1,4", "line 3: rating '4'"), ("laptop,1,", "line 3: rating ''")])
def test_a_rating_that_is_none_is_named_by_its_line(data_with, row, reason):
    with pytest.raises(ValueError, match=reason):
        read_judgments(data_with("laptop,7,3", row))


def test_a_product_judged_twice_for_one_query_is_refused(data_with):
    with pytest.raises(ValueError, match="line 3: 'laptop' rates product 1 again"):
        read_judgments(data_with("laptop,1,3", "laptop,1,2"))
