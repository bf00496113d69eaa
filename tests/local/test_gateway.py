"""The gateway before a small real upstream: what it passes on, what it adds, and what it says when nobody is there."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from local.cloud import free_port
from local.gateway import BODY_LIMIT_BYTES, UPSTREAM_CONNECTIONS, make_gateway

API_ID = "abcd1234"
PREFIX = f"/_aws/execute-api/{API_ID}/$default"

Talk = Callable[[ClientSession, str], Awaitable[None]]


async def echo(request: web.Request) -> web.Response:
    """What arrived, as JSON."""
    seen = {"method": request.method, "path": request.raw_path, "body": await request.text()}
    return web.json_response(seen | {"headers": {name.lower(): value for name, value in request.headers.items()}})


def talk_through_gateway(upstream: Callable[[web.Request], Awaitable[web.StreamResponse]], talk: Talk) -> None:
    """Run `talk` with a client and the address of a gateway whose cloud answers with `upstream`."""

    async def run() -> None:
        cloud = web.Application(client_max_size=BODY_LIMIT_BYTES)
        cloud.router.add_route("*", "/{rest:.*}", upstream)
        async with TestServer(cloud) as behind:
            gateway = make_gateway(f"http://127.0.0.1:{behind.port}", API_ID)
            async with TestServer(gateway) as server, ClientSession() as client:
                await talk(client, f"http://127.0.0.1:{server.port}")

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    [
        "/1/indexes/*/queries",
        "/1/indexes/%2A/queries",
        "/1/indexes/a%2Fb/query?x-algolia-api-key=k&page=1%202",
        "/1/%20x",
    ],
)
def test_the_path_reaches_the_api_as_it_was_written(path):
    async def talk(client: ClientSession, address: str) -> None:
        async with client.post(URL(address + path, encoded=True)) as answer:
            seen = await answer.json()

        assert seen["path"] == PREFIX + path

    talk_through_gateway(echo, talk)


def test_method_body_and_keys_reach_the_api():
    async def talk(client: ClientSession, address: str) -> None:
        headers = {"X-Algolia-API-Key": "local-search", "Content-Type": "application/json"}
        async with client.put(address + "/1/indexes/p/1", data='{"title": "é"}', headers=headers) as answer:
            seen = await answer.json()

        assert (seen["method"], seen["body"]) == ("PUT", '{"title": "é"}')
        assert seen["headers"]["x-algolia-api-key"] == "local-search"
        assert seen["headers"]["content-type"] == "application/json"

    talk_through_gateway(echo, talk)


def test_an_error_of_the_api_is_passed_on_unchanged():
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"message": "Invalid Application-ID or API key", "status": 403}, status=403)

    async def talk(client: ClientSession, address: str) -> None:
        async with client.post(address + "/1/indexes/p/query") as answer:
            assert answer.status == 403
            assert await answer.json() == {"message": "Invalid Application-ID or API key", "status": 403}

    talk_through_gateway(refuse, talk)


def test_a_page_of_any_origin_may_read_the_answer():
    async def talk(client: ClientSession, address: str) -> None:
        async with client.post(address + "/1/indexes/p/query", headers={"Origin": "http://shop.example"}) as answer:
            assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]

    talk_through_gateway(echo, talk)


def test_a_preflight_request_is_answered_without_the_cloud():
    async def unreachable(_: web.Request) -> web.Response:
        raise AssertionError("the preflight request went on to the cloud")

    async def talk(client: ClientSession, address: str) -> None:
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-algolia-api-key"}
        async with client.options(address + "/1/indexes/*/queries", headers=asked) as answer:
            assert answer.status == 204
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert answer.headers["Access-Control-Allow-Headers"] == "x-algolia-api-key"

    talk_through_gateway(unreachable, talk)


def test_a_path_outside_the_api_is_unknown_in_the_wires_shape():
    async def talk(client: ClientSession, address: str) -> None:
        async with client.get(address + "/nothing") as answer:
            assert answer.status == 404
            assert await answer.json() == {"message": "Not Found", "status": 404}

    talk_through_gateway(echo, talk)


def test_a_body_above_the_limit_is_refused_in_the_wires_shape():
    async def talk(client: ClientSession, address: str) -> None:
        async with client.post(address + "/1/rerank", data=io.BytesIO(b" " * (BODY_LIMIT_BYTES + 1))) as answer:
            assert answer.status == 413
            assert (await answer.json())["status"] == 413

    talk_through_gateway(echo, talk)


def test_a_missing_cloud_is_503_in_the_wires_shape():
    async def run() -> None:
        gateway = make_gateway(f"http://127.0.0.1:{free_port()}", API_ID)
        async with TestServer(gateway) as server, ClientSession() as client:
            answer = await client.post(f"http://127.0.0.1:{server.port}/1/indexes/p/query")

            assert answer.status == 503
            assert await answer.json() == {
                "message": "The local cloud is not there; `make up` starts it",
                "status": 503,
            }

    asyncio.run(run())


def test_no_more_requests_are_in_the_cloud_at_once_than_it_has_warm_workers():
    inside, most, full = 0, 0, asyncio.Event()

    async def count(_: web.Request) -> web.Response:
        nonlocal inside, most
        inside, most = inside + 1, max(most, inside + 1)
        if inside == UPSTREAM_CONNECTIONS:
            full.set()
        await full.wait()
        inside -= 1
        return web.Response()

    async def talk(client: ClientSession, address: str) -> None:
        searches = [client.get(address + "/1/health/live") for _ in range(3 * UPSTREAM_CONNECTIONS)]
        for answer in await asyncio.gather(*searches):
            answer.release()

    talk_through_gateway(count, talk)

    assert most == UPSTREAM_CONNECTIONS
