"""One plain address for the local cloud: forwards to its HTTP API and adds what the emulator leaves out.

`python -m local.gateway --port 8108 --cloud http://127.0.0.1:4566 --api-id abcd1234`

It answers browsers' preflight requests, serves the demo page, and while the cloud is away says so in the wire's own
error shape.
"""

from argparse import ArgumentParser
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from local.storefront_files import add_storefront

UPSTREAM_CONNECTIONS = 3
"""Requests beyond these wait here. The emulator starts a cold worker for each request that finds none free, and a
cold one takes seconds on a small machine, while a warm one is free again within milliseconds."""

UPSTREAM_SECONDS = 30
BODY_LIMIT_BYTES = 10 * 1024**2
"""API Gateway's own limit."""

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "host", "content-length"}
)
"""Headers that belong to one connection, or that the HTTP library writes itself."""

ALLOWED_METHODS = "GET, POST, PUT, DELETE, OPTIONS"
EXPOSED_HEADERS = "x-request-id, retry-after"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

UPSTREAM = web.AppKey("UPSTREAM", ClientSession)
API_ROOT = web.AppKey("API_ROOT", str)


def make_gateway(cloud: str, api_id: str) -> web.Application:
    """The gateway to the HTTP API `api_id` of the emulator at `cloud`, such as `http://127.0.0.1:4566`."""
    application = web.Application(client_max_size=BODY_LIMIT_BYTES, middlewares=[_cross_origin, _errors_as_wire])
    application[API_ROOT] = f"{cloud}/_aws/execute-api/{api_id}/$default"
    application.cleanup_ctx.append(_upstream)
    application.router.add_route("*", "/1/{rest:.*}", _forward)
    add_storefront(application)
    return application


async def _upstream(application: web.Application) -> AsyncIterator[None]:
    connector = TCPConnector(limit=UPSTREAM_CONNECTIONS, keepalive_timeout=60)
    timeout = ClientTimeout(total=None, sock_connect=5, sock_read=UPSTREAM_SECONDS)
    async with ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        application[UPSTREAM] = session
        yield


@web.middleware
async def _cross_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response: web.StreamResponse = web.Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = "3600"
    else:
        response = await handler(request)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    return response


@web.middleware
async def _errors_as_wire(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refused:
        if refused.status < 400:
            raise
        return _error(refused.status, refused.reason)
    except TimeoutError:
        return _error(503, f"The local cloud did not answer within {UPSTREAM_SECONDS} s; its log is cloud.log")
    except ClientError:
        return _error(503, "The local cloud is not there; `make up` starts it")


async def _forward(request: web.Request) -> web.Response:
    # the path as it came: a literal * or %2A must reach the API the way the client wrote it
    target = URL(request.app[API_ROOT] + request.raw_path, encoded=True)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
    body = await request.read()
    async with request.app[UPSTREAM].request(
        request.method,
        target,
        headers=headers,
        data=body or None,
        allow_redirects=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    ) as answer:
        kept = CIMultiDict(
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in HOP_BY_HOP and not name.lower().startswith("access-control-")
        )
        return web.Response(status=answer.status, headers=kept, body=await answer.read())


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"message": message, "status": status}, status=status)


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    parser = ArgumentParser(prog="python -m local.gateway", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cloud", required=True, help="the emulator's address")
    parser.add_argument("--api-id", required=True, help="the HTTP API's id, an output of the search stack")
    chosen = parser.parse_args()
    web.run_app(make_gateway(chosen.cloud, chosen.api_id), host="127.0.0.1", port=chosen.port, print=None)


if __name__ == "__main__":
    main()
