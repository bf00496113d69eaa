"""From `make up` to an answer: the official client against the real parts, and nothing left behind."""

import json
import re
import urllib.error
import urllib.request

import pytest
from algoliasearch.http.exceptions import RequestException

from local.folders import PROJECT
from local.processes import start_mark
from local.state import LocalState

pytestmark = [pytest.mark.local_cloud, pytest.mark.slow]


def test_make_up_shows_the_address_a_command_and_a_first_answer(local_cloud):
    assert f"http://127.0.0.1:{local_cloud.port}" in local_cloud.said
    assert "curl -s http://127.0.0.1" in local_cloud.said
    assert "  1. Red running shoes, 10.00 EUR" in local_cloud.said


def test_the_official_client_finds_a_product_by_its_words(local_cloud):
    answer = local_cloud.client().search_single_index("products", {"query": "red running shoes", "hitsPerPage": 3})

    assert answer.hits[0].object_id in {"p0", "p20"}  # the two pairs that are red
    assert answer.nb_hits >= 2
    assert len(answer.query_id) == 32


def test_the_python_lines_of_the_readme_run_as_they_stand(local_cloud, capsys):
    lines = (PROJECT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]

    exec(lines.replace("8108", str(local_cloud.port)), {})

    product_id, query_id = capsys.readouterr().out.split()
    assert product_id.startswith("p")
    assert len(query_id) == 32


def test_the_answer_says_which_release_and_which_rung_it_comes_from(local_cloud):
    answer = local_cloud.client().search_single_index("products", {"query": "rain jacket"}).to_dict()

    assert answer["release"] == LocalState.read(local_cloud.folder / "state.json").published
    assert answer["rung"] in {"lambda", "lexical"}


def test_the_official_client_sends_several_searches_in_one_call(local_cloud):
    requests = [{"indexName": "products", "query": query} for query in ("wireless mouse", "coffee grinder")]

    answer = local_cloud.client().search({"requests": requests})

    first, second = [result.actual_instance for result in answer.results]
    assert "mouse" in first.hits[0].model_dump()["title"]
    assert "grinder" in second.hits[0].model_dump()["title"]


def test_a_search_is_counted_by_the_watch(local_cloud):
    local_cloud.client().search_single_index("products", {"query": "black coffee grinder"})

    said = local_cloud.vitrine("quality", "--minutes", "10")

    assert "No judged query was asked" in said
    searches = int(re.search(r"; ([\d,]+) searches in the window", said)[1].replace(",", ""))
    assert searches >= 1


def test_people_can_see_what_is_live_and_why(local_cloud):
    live = LocalState.read(local_cloud.folder / "state.json").published

    assert f"live      {live}" in local_cloud.vitrine("release", "list")
    assert "nothing was ever decided" in local_cloud.vitrine("retrain", "--history")


@pytest.mark.parametrize("key", ["local-searc", "another-key"])
def test_a_wrong_key_is_refused_in_the_wires_words(local_cloud, key):
    with pytest.raises(RequestException, match="Invalid Application-ID or API key") as refused:
        local_cloud.client(key).search_single_index("products", {"query": "shoes"})

    assert refused.value.status_code == 403


def test_an_unknown_index_is_refused_and_named(local_cloud):
    with pytest.raises(RequestException, match="no_such_index") as refused:
        local_cloud.client().search_single_index("no_such_index", {"query": "shoes"})

    assert refused.value.status_code == 404


@pytest.mark.parametrize("kind", ["live", "ready"])
def test_health_needs_no_key(local_cloud, kind):
    with urllib.request.urlopen(f"http://127.0.0.1:{local_cloud.port}/1/health/{kind}") as answer:
        assert json.load(answer)["status"] == "ok"


def test_an_unknown_path_is_answered_by_a_function_in_the_wires_shape(local_cloud):
    request = urllib.request.Request(f"http://127.0.0.1:{local_cloud.port}/1/nothing")

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)

    body = json.load(refused.value)
    refused.value.close()
    assert (refused.value.code, body["status"]) == (404, 404)


def test_a_second_make_up_reuses_all_that_is_there(local_cloud):
    before = LocalState.read(local_cloud.folder / "state.json")

    again = local_cloud.make("up")

    assert again.returncode == 0, again.stderr
    assert LocalState.read(local_cloud.folder / "state.json") == before
    assert not {"Deploy ...", "Release ...", "Gateway ..."} & {line[10:] for line in again.stdout.splitlines()}


@pytest.mark.ends_local_cloud
def test_make_down_leaves_no_process_of_it(local_cloud):
    state = LocalState.read(local_cloud.folder / "state.json")

    down = local_cloud.make("down")

    assert "ended: gateway, pipelines, cloud" in down.stdout
    assert not [server for server in state.servers.values() if start_mark(server.pid) is not None]
    assert not local_cloud.folder.joinpath("tmp").exists()
