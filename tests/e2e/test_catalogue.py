"""From a write through the official client to a search that finds it, and a `make up` that keeps it."""

import pytest

from local.state import LocalState

pytestmark = [pytest.mark.local_cloud, pytest.mark.changes_catalogue, pytest.mark.slow]


def search(local_cloud, query, **parameters):
    return local_cloud.client().search_single_index("products", {"query": query, **parameters})


def ids_found(local_cloud, query):
    return {hit.object_id for hit in search(local_cloud, query, hitsPerPage=50).hits}


def test_what_is_written_is_found_after_make_release_and_what_is_deleted_is_not(local_cloud):
    shop = local_cloud.client("local-admin")
    products_before = search(local_cloud, "").nb_hits
    shop.save_objects("products", [{"objectID": "kite", "title": "Stunt kite", "price": 30, "currency": "EUR"}])
    shop.partial_update_object("products", "p4", {"brand": "Umbrella"})
    task = shop.delete_object("products", "p39").task_id
    before = (shop.get_task("products", task).status, ids_found(local_cloud, "stunt kite") & {"kite"})

    released = local_cloud.make("release")

    assert released.returncode == 0, f"{released.stdout}\n{released.stderr}"
    assert before == ("notPublished", set())
    assert shop.wait_for_task("products", task).status == "published"
    assert "kite" in ids_found(local_cloud, "stunt kite")
    assert "p39" not in ids_found(local_cloud, "white coffee grinder")
    assert search(local_cloud, "", filters="brand:Umbrella").nb_hits == 1
    assert search(local_cloud, "").nb_hits == products_before  # one more, one less


def test_synonyms_reach_search_with_the_next_release(local_cloud):
    shop = local_cloud.client("local-admin")
    synonym = {"objectID": "s1", "type": "onewaysynonym", "input": "zwirbel", "synonyms": ["coffee grinder"]}
    shop.save_synonym("products", "s1", synonym)

    local_cloud.make("release")

    assert {f"p{number}" for number in range(3, 39, 4)} <= ids_found(local_cloud, "zwirbel")


def test_a_release_without_a_change_serves_the_same_one(local_cloud):
    local_cloud.make("release")
    before = LocalState.read(local_cloud.folder / "state.json").published

    again = local_cloud.make("release")

    assert again.returncode == 0, again.stderr
    assert LocalState.read(local_cloud.folder / "state.json").published == before


def test_make_up_keeps_what_was_written(local_cloud):
    shop = local_cloud.client("local-admin")
    shop.save_object("products", {"objectID": "yo-yo", "title": "Wooden yo-yo"})
    local_cloud.make("release")

    up = local_cloud.make("up")

    assert up.returncode == 0, up.stderr
    assert "yo-yo" in ids_found(local_cloud, "wooden yo-yo")
