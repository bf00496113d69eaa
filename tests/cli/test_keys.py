import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from algoliasearch.search.client import SearchClientSync
from moto import mock_aws

from cli.keys import finished, rotated, with_key
from cli.main import main
from functions.aws.clients import ssm
from functions.aws.key_store import change_keys, read_keys, write_keys
from functions.aws.release_store import StoreUnavailable
from functions.keys import KeyRing, key_hash, key_id, require_key
from relevance.errors import BadRequest

PARAMETER = "/vitrine/dev/keys"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
OLD = KeyRing(search=(key_hash("old"),), admin=(key_hash("a"),), parents=("p",))


@pytest.fixture(autouse=True)
def aws():
    ssm.cache_clear()
    with mock_aws():
        yield
    ssm.cache_clear()


@pytest.fixture
def vitrine(capsys):
    """Run `vitrine keys ...` for dev; returns what it printed."""

    def run(*arguments):
        assert main(["keys", arguments[0], "--stage", "dev", *arguments[1:]]) == 0
        return capsys.readouterr().out

    return run


def opens(ring, key, at=NOW):
    try:
        require_key({"x-api-key": key}, {}, ring, ("search", "admin", "secured"), now_seconds=at.timestamp())
    except BadRequest:
        return False
    return True


def key_shown(text):
    return re.search(r"shown this once: (\w+)", text)[1]


def stored():
    return read_keys(PARAMETER)[0]


def test_new_keys_are_shown_once_and_those_of_browsers_stored_as_hashes(vitrine):
    shown = dict(line.split() for line in vitrine("create").splitlines())

    parameter = boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]
    ring = stored()
    assert parameter["Type"] == "SecureString"
    assert ring.parents == (shown["parent"],)
    assert (ring.search, ring.admin) == ((key_hash(shown["search"]),), (key_hash(shown["admin"]),))
    assert all(dates.made_at and not dates.ends_at for dates in ring.dates.values())


def test_the_old_key_opens_until_the_rotation_is_finished(vitrine):
    write_keys(PARAMETER, OLD)

    new = key_shown(vitrine("rotate", "--kind", "search"))
    between = stored()
    said = vitrine("rotate", "--kind", "search", "--finish")

    assert (opens(between, "old"), opens(between, new)) == (True, True)
    assert (opens(stored(), "old"), opens(stored(), new)) == (False, True)
    assert f"removed: {key_hash('old')[:8]}" in said
    assert "within 60 s" in said


def test_a_step_that_was_done_already_changes_nothing(vitrine):
    write_keys(PARAMETER, OLD)
    vitrine("rotate", "--kind", "search")
    under_way = stored()

    assert "no key was made: a rotation is under way" in vitrine("rotate", "--kind", "search")
    assert stored() == under_way

    vitrine("rotate", "--kind", "search", "--finish")
    done = stored()

    assert "nothing to remove" in vitrine("rotate", "--kind", "search", "--finish")
    assert stored() == done


def test_old_keys_end_by_themselves_after_the_grace():
    ring = rotated(OLD, "search", "new", NOW, NOW + timedelta(hours=24))

    assert opens(ring, "old", NOW + timedelta(hours=23))
    assert not opens(ring, "old", NOW + timedelta(hours=24))
    assert opens(ring, "new", NOW + timedelta(days=999))


def test_a_grace_may_be_given_later():
    ring = rotated(OLD, "search", "new", NOW, None)

    ended = rotated(ring, "search", "another", NOW, NOW)

    assert (opens(ended, "old"), opens(ended, "new"), opens(ended, "another")) == (False, True, False)


def test_a_key_that_leaked_is_replaced_at_once(vitrine):
    write_keys(PARAMETER, OLD)

    new = key_shown(vitrine("rotate", "--kind", "admin", "--grace", "0"))

    now = datetime.now(UTC)
    assert (opens(stored(), "a", now), opens(stored(), new, now), opens(stored(), "old", now)) == (False, True, True)


def test_a_rotation_that_has_ended_makes_room_for_the_next():
    once = rotated(OLD, "search", "new", NOW, NOW + timedelta(hours=1))

    twice = rotated(once, "search", "newer", NOW + timedelta(hours=2), None)

    assert twice.search == (key_hash("new"), key_hash("newer"))
    assert set(twice.dates) == {key_hash("new")[:8], key_hash("newer")[:8]}


def test_secured_keys_of_an_old_parent_open_until_the_rotation_is_finished():
    ring = rotated(OLD, "parent", "q", NOW, None)
    of_old, of_new = (SearchClientSync("a", "b").generate_secured_api_key(parent, {}) for parent in ("p", "q"))

    assert (opens(ring, of_old), opens(ring, of_new)) == (True, True)
    assert (opens(finished(ring, "parent"), of_old), opens(finished(ring, "parent"), of_new)) == (False, True)


def test_a_list_names_keys_by_the_beginning_of_their_hash_and_shows_none(vitrine):
    write_keys(PARAMETER, OLD)
    vitrine("rotate", "--kind", "parent", "--grace", "48")

    said = vitrine("list")

    lines = [line.split() for line in said.splitlines()]
    assert [(kind, key) for kind, key, *_ in lines] == [
        ("admin", key_hash("a")[:8]),
        ("search", key_hash("old")[:8]),
        ("parent", key_hash("p")[:8]),
        ("parent", key_id("parent", stored().parents[1])),
    ]
    assert re.search(r"made before dates were kept, ends \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    assert not re.search(r"\w{32}", said)


def test_what_rotation_says_holds_no_key_but_the_new_one(vitrine):
    write_keys(PARAMETER, OLD)

    said = vitrine("rotate", "--kind", "parent")

    assert re.findall(r"\w{32,}", said) == [key_shown(said)]


def test_what_another_wrote_meanwhile_is_kept():
    write_keys(PARAMETER, OLD)
    others = iter([rotated(OLD, "admin", "theirs", NOW, None)])

    def change(ring):
        if (theirs := next(others, None)) is not None:
            write_keys(PARAMETER, theirs)
        return rotated(ring, "search", "ours", NOW, None)

    ring = change_keys(PARAMETER, change)

    assert ring == stored()
    assert all(opens(ring, key) for key in ("old", "ours", "a", "theirs"))


def test_of_two_rotations_at_once_one_makes_the_key_and_the_other_sees_it():
    write_keys(PARAMETER, OLD)
    others = iter([rotated(OLD, "search", "theirs", NOW, None)])

    def change(ring):
        if (theirs := next(others, None)) is not None:
            write_keys(PARAMETER, theirs)
        return rotated(ring, "search", "ours", NOW, None)

    assert (opens(change_keys(PARAMETER, change), "ours"), opens(stored(), "theirs")) == (False, True)


def test_whoever_is_always_overtaken_gives_up():
    write_keys(PARAMETER, OLD)

    def change(ring):
        write_keys(PARAMETER, OLD)
        return with_key(ring, "search", "ours", NOW)

    with pytest.raises(StoreUnavailable, match="are being changed by others"):
        change_keys(PARAMETER, change)


def test_keys_without_dates_are_read_as_before():
    boto3.client("ssm").put_parameter(
        Name=PARAMETER, Value=json.dumps({"search": [key_hash("old")]}), Type="SecureString", Overwrite=True
    )

    assert opens(stored(), "old")


def test_a_stage_without_keys_is_said_to_have_none(capsys):
    assert main(["keys", "rotate", "--stage", "dev", "--kind", "search"]) == 1

    assert "the API keys in /vitrine/dev/keys cannot be read: ParameterNotFound" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["-1", "nan", "soon", "1e9"])
def test_a_grace_that_is_none_is_refused(hours, capsys):
    with pytest.raises(SystemExit):
        main(["keys", "rotate", "--stage", "dev", "--kind", "search", "--grace", hours])

    assert "--grace" in capsys.readouterr().err
