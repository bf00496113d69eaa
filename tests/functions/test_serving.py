import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from functions.aws.release_store import Pointer, StoreUnavailable
from functions.serving import ServingRelease
from relevance.errors import NoRelease, ReleaseRefused
from tests.builders import a_release


@dataclass
class FakeStore:
    """Folders by release id; `live` is where the pointer points, None for nowhere."""

    folders: dict[str, Path]
    live: str | None
    previous: str | None = None
    failure: Exception | None = None
    fetched: list[str] = field(default_factory=list)

    def pointer(self):
        if self.failure:
            raise self.failure
        return None if self.live is None else Pointer(self.live, self.previous)

    def fetch(self, release_id):
        self.fetched.append(release_id)
        if release_id not in self.folders:
            raise ReleaseRefused(f"release {release_id} is not there")
        return self.folders[release_id]

    def forget(self, release_id):
        pass


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two small releases without models."""
    made = [
        a_release(tmp_path_factory.mktemp(name), encoder=False, weights={"bm25": 1.0}, ranker_id=name)
        for name in ("first", "second")
    ]
    return {folder.name: folder for folder in made}


@pytest.fixture
def store(folders):
    return FakeStore(folders, live=next(iter(folders)))


def other(store):
    return next(name for name in store.folders if name != store.live)


def test_the_live_release_is_opened_once(store):
    serving = ServingRelease(store, pointer_seconds=30)

    opened = [serving.current().release_id for _ in range(3)]

    assert opened == [store.live] * 3
    assert store.fetched == [store.live]


def test_a_pointer_that_cannot_be_read_leaves_the_open_release(store):
    serving = ServingRelease(store, pointer_seconds=30)
    serving.current()
    store.failure = StoreUnavailable("DynamoDB is away")

    serving.refresh()

    assert serving.current().release_id == store.live


def test_a_refused_release_is_not_fetched_again_and_again(store):
    serving = ServingRelease(store, pointer_seconds=30)
    before = serving.current().release_id
    store.live = "gone"

    serving.refresh()
    serving.refresh()

    assert serving.current().release_id == before
    assert store.fetched.count("gone") == 1


def test_the_next_release_is_swapped_in_beside_a_request_that_does_not_wait(store):
    now = [0.0]
    serving = ServingRelease(store, pointer_seconds=30, clock=lambda: now[0])
    first = serving.current().release_id
    store.live = other(store)
    now[0] = 40.0

    beside = serving.current().release_id
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(timeout=10)

    assert beside == first
    assert serving.current().release_id == store.live != first


def test_who_slept_for_long_looks_before_it_answers(store):
    now = [0.0]
    serving = ServingRelease(store, pointer_seconds=30, clock=lambda: now[0])
    first = serving.current().release_id
    store.live = other(store)
    now[0] = 60.0

    assert serving.current().release_id == store.live != first


def test_who_slept_for_long_waits_no_longer_than_is_decent(store, monkeypatch):
    monkeypatch.setattr("functions.serving._PATIENCE_SECONDS", 0.05)
    now, answers = [0.0], threading.Event()
    serving = ServingRelease(store, pointer_seconds=30, clock=lambda: now[0])
    first = serving.current().release_id
    told = store.pointer
    monkeypatch.setattr(store, "pointer", lambda: answers.wait(10) and told())
    store.live = other(store)
    now[0] = 600.0

    assert serving.current().release_id == first
    answers.set()
    now[0] = 1200.0
    monkeypatch.setattr("functions.serving._PATIENCE_SECONDS", 10.0)
    assert serving.current().release_id == store.live


def test_the_pointer_is_not_read_before_its_time(store):
    now = [0.0]
    serving = ServingRelease(store, pointer_seconds=30, clock=lambda: now[0])
    first = serving.current().release_id
    store.live = other(store)
    now[0] = 20.0

    assert [serving.current().release_id for _ in range(3)] == [first] * 3
    assert store.fetched == [first]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"live": None}, "no release has been published yet"),
        ({"live": "gone", "previous": "gone too"}, "release gone is not there; release gone too is not there"),
        ({"failure": StoreUnavailable("DynamoDB is away")}, "DynamoDB is away"),
    ],
)
def test_without_any_release_the_reason_is_told(store, changes, said):
    for name, value in changes.items():
        setattr(store, name, value)

    with pytest.raises(NoRelease, match=said):
        ServingRelease(store, pointer_seconds=30).current()


def test_a_function_recovers_when_the_first_release_is_published(store):
    live, store.live = store.live, None
    serving = ServingRelease(store, pointer_seconds=30)
    with pytest.raises(NoRelease):
        serving.current()
    store.live = live

    assert serving.current().release_id == live
