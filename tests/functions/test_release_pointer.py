from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.aws.release_pointer import (
    KEPT_MOVES,
    PointerMoved,
    PointerStays,
    move_pointer,
    read_record,
    roll_back,
)
from functions.aws.release_store import ReleaseStore, StoreUnavailable
from relevance.errors import FileDamaged, ReleaseRefused
from tests.builders import a_product, a_release

TABLE, INDEX, BUCKET = "pointer", "products", "releases"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two releases without models, 100 kB each; the second has one product more."""
    folder = tmp_path_factory.mktemp("small")
    products = [a_product(f"p{number}", f"Lamp {number}") for number in range(3)]
    return [a_release(folder, products[:number], encoder=False) for number in (2, 3)]


def item():
    return boto3.client("dynamodb").get_item(TableName=TABLE, Key={"name": {"S": INDEX}})["Item"]


def put(**fields):
    boto3.resource("dynamodb").Table(TABLE).put_item(Item={"name": INDEX, **fields})


def live(settings, tmp_path):
    """What functions that search would open."""
    pointer = ReleaseStore(settings.release_bucket, TABLE, INDEX, tmp_path).pointer()
    return pointer.live, pointer.previous


def test_moving_the_pointer_keeps_what_was_live_as_previous(settings, tmp_path):
    for release_id in ("one", "two", "two"):
        move_pointer(release_id, TABLE, INDEX)

    assert live(settings, tmp_path) == ("two", "one")


def test_each_move_says_when_by_whom_and_why_and_the_item_shows_the_last(settings):
    move_pointer("one", TABLE, INDEX, reason="the first")
    move_pointer("two", TABLE, INDEX, moved_by="approval", reason="package 7")

    record = read_record(TABLE, INDEX)

    assert [(move.live, move.previous, move.moved_by, move.reason) for move in record.moves] == [
        ("two", "one", "approval", "package 7"),
        ("one", None, "person", "the first"),
    ]
    assert record.version == 2
    assert all(datetime.now(UTC) - move.moved_at < timedelta(minutes=1) for move in record.moves)
    assert (item()["moved_by"], item()["reason"], item()["version"]) == (
        {"S": "approval"},
        {"S": "package 7"},
        {"N": "2"},
    )


def test_pointing_at_what_is_live_is_no_move(settings):
    move_pointer("one", TABLE, INDEX)
    before = item()

    move_pointer("one", TABLE, INDEX)

    assert item() == before


def test_the_last_twenty_moves_are_kept_and_all_are_counted(settings):
    for number in range(KEPT_MOVES + 5):
        move_pointer(f"r{number}", TABLE, INDEX)

    record = read_record(TABLE, INDEX)

    assert [move.live for move in record.moves] == [f"r{number}" for number in range(24, 4, -1)]
    assert record.version == 25


def test_a_pointer_of_before_moves_were_kept_is_read_and_moved(settings, tmp_path):
    put(live="two", previous="one")

    move_pointer("three", TABLE, INDEX)

    assert live(settings, tmp_path) == ("three", "two")
    assert [str(move).partition(" by ")[2] for move in read_record(TABLE, INDEX).moves] == ["person", "nobody known"]


def test_fields_that_are_not_known_are_passed_over_and_kept(settings, tmp_path):
    put(live="one", candidate="next", candidate_share="0.1", newer={"code": ["wrote", 1]})

    move_pointer("two", TABLE, INDEX)

    assert live(settings, tmp_path) == ("two", "one")
    assert read_record(TABLE, INDEX).candidate == "next"
    assert {"candidate_share", "newer"} <= item().keys()


@pytest.mark.parametrize("before", [[], ["one"], ["zero", "one"]])
def test_of_two_who_publish_at_once_one_wins_and_the_other_is_told_what_is_live(settings, before):
    for release_id in before:
        move_pointer(release_id, TABLE, INDEX)
    seen = read_record(TABLE, INDEX)
    move_pointer("two", TABLE, INDEX, reason="a person's")

    with pytest.raises(
        PointerMoved, match=r"three was not made live: (one|nothing) was, and in the meantime somebody made two live"
    ):
        move_pointer("three", TABLE, INDEX, seen=seen)

    assert read_record(TABLE, INDEX).live == "two"


def test_a_pointer_that_went_away_and_came_back_is_not_as_it_was_seen(settings):
    move_pointer("one", TABLE, INDEX)
    seen = read_record(TABLE, INDEX)
    move_pointer("two", TABLE, INDEX)
    move_pointer("one", TABLE, INDEX)

    with pytest.raises(PointerMoved, match="somebody made one live"):
        move_pointer("three", TABLE, INDEX, seen=seen)


def test_two_who_publish_the_same_release_at_once_agree(settings):
    seen = read_record(TABLE, INDEX)
    move_pointer("one", TABLE, INDEX)

    assert move_pointer("one", TABLE, INDEX, seen=seen).version == 1


def test_a_table_that_is_not_there_is_named(settings):
    with pytest.raises(StoreUnavailable, match="the release pointer of products cannot be read"):
        move_pointer("one", "no-table", INDEX)


def test_a_roll_back_makes_the_release_before_live_again(settings, publish, small, tmp_path):
    first, second = [publish(folder) for folder in small]

    roll_back(BUCKET, TABLE, INDEX, reason="no prices")

    assert live(settings, tmp_path) == (first, second)
    assert read_record(TABLE, INDEX).rolled_back(second).reason == "no prices"
    assert read_record(TABLE, INDEX).rolled_back(first) is None


def test_rolling_back_twice_is_refused_and_names_what_else_was_live(settings, publish, small):
    move_pointer("older", TABLE, INDEX)
    first, second = [publish(folder) for folder in small]
    roll_back(BUCKET, TABLE, INDEX, reason="no prices")

    with pytest.raises(PointerStays, match=rf"{second} .* was rolled back .*no prices.*others that were live: older"):
        roll_back(BUCKET, TABLE, INDEX)

    assert read_record(TABLE, INDEX).live == first


def test_a_release_that_is_named_may_be_gone_back_to_and_is_no_longer_marked(settings, publish, small):
    first, second = [publish(folder) for folder in small]
    roll_back(BUCKET, TABLE, INDEX)

    record = roll_back(BUCKET, TABLE, INDEX, to=second)

    assert record.live == second
    assert record.rolled_back(second) is None
    assert record.rolled_back(first) is not None


def test_nothing_before_is_nothing_to_go_back_to(settings, publish, small):
    with pytest.raises(PointerStays, match="nothing is live, and nothing was before it"):
        roll_back(BUCKET, TABLE, INDEX)
    first = publish(small[0])

    with pytest.raises(PointerStays, match=f"{first} is live, and nothing was before it"):
        roll_back(BUCKET, TABLE, INDEX)
    with pytest.raises(PointerStays, match=f"{first} is live already"):
        roll_back(BUCKET, TABLE, INDEX, to=first)


def test_a_release_that_is_gone_is_not_gone_back_to(settings, publish, small):
    first, second = [publish(folder) for folder in small]
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=f"releases/{first}/manifest.json")

    with pytest.raises(ReleaseRefused, match=f"s3://releases/releases/{first}/manifest.json is not there"):
        roll_back(BUCKET, TABLE, INDEX)

    assert read_record(TABLE, INDEX).live == second


@pytest.mark.parametrize(("left", "told"), [(None, "is missing"), (b"half", "has 4 bytes")])
def test_a_release_of_which_half_is_there_is_not_gone_back_to(settings, publish, small, left, told):
    first, second = [publish(folder) for folder in small]
    key = f"releases/{first}/products/products.jsonl"
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
    if left:
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=left)
    size = (small[0] / "products" / "products.jsonl").stat().st_size

    with pytest.raises(FileDamaged, match=rf"products/products.jsonl {told}; the manifest promises {size}"):
        roll_back(BUCKET, TABLE, INDEX)

    assert read_record(TABLE, INDEX).live == second
