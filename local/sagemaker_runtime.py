"""SageMaker Runtime for the local cloud: answers `POST /endpoints/{name}/invocations` as AWS does for one endpoint.

`python -m local.sagemaker_runtime --port 8600 --endpoint vitrine-local --program http://127.0.0.1:8601`

What the endpoint's program answers with 200 goes through; all else becomes the errors that boto3 knows: `ModelError`
with the program's status and message, `ValidationError` for an endpoint that there is none of.
"""

from argparse import ArgumentParser
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

BODY_LIMIT_BYTES: Final = 25 * 1024**2
"""AWS's own limit."""
PATIENCE_SECONDS: Final = 60.0
"""AWS's own: how long a container may take."""
ACCOUNT: Final = "000000000000"
ATTRIBUTES: Final = "X-Amzn-SageMaker-Custom-Attributes"
_PASSED_ON: Final = ("Content-Type", "Accept", ATTRIBUTES)
_DOCUMENT: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-cloudwatch.html"

PROGRAM = web.AppKey("PROGRAM", ClientSession)
ENDPOINT = web.AppKey("ENDPOINT", str)


def make_runtime(endpoint: str, program: str, *, patience_seconds: float = PATIENCE_SECONDS) -> web.Application:
    """The API before the program that serves the endpoint of that name at an address such as `http://127.0.0.1:8601`."""

    async def connected(application: web.Application) -> AsyncIterator[None]:
        timeout = ClientTimeout(total=patience_seconds)
        async with ClientSession(program, timeout=timeout, connector=TCPConnector(limit=0)) as session:
            application[PROGRAM] = session
            yield

    application = web.Application(client_max_size=BODY_LIMIT_BYTES)
    application[ENDPOINT] = endpoint
    application.cleanup_ctx.append(connected)
    application.router.add_post("/endpoints/{name}/invocations", _invoke)
    return application


async def _invoke(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name != request.app[ENDPOINT]:
        return _error(400, "ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return _error(400, "ValidationError", f"The payload is larger than {BODY_LIMIT_BYTES} bytes.")
    headers = {header: request.headers[header] for header in _PASSED_ON if header in request.headers}
    try:
        async with request.app[PROGRAM].post("/invocations", data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status == 200:
                kept = {name: answer.headers[name] for name in ("Content-Type", ATTRIBUTES) if name in answer.headers}
                return web.Response(body=content, headers=kept | {"x-Amzn-Invoked-Production-Variant": "AllTraffic"})
            return _model_error(answer.status, content.decode(errors="replace"))
    except TimeoutError:
        return _model_error(0, "Your invocation timed out while waiting for a response from container primary.")
    except ClientError as error:
        return _model_error(0, f"The container gave no answer: {type(error).__name__}")


def _model_error(status: int, message: str) -> web.Response:
    """What AWS makes of a container's answer that is not 200; 0 where there was none."""
    kind = "client" if 400 <= status < 500 else "server"
    told = f'Received {kind} error ({status}) from primary with message "{message}". See {_DOCUMENT} for more.'
    return _error(424, "ModelError", told, OriginalStatusCode=status, OriginalMessage=message, LogStreamArn="")


def _error(status: int, kind: str, message: str, **more: Any) -> web.Response:
    return web.json_response({"Message": message} | more, status=status, headers={"x-amzn-ErrorType": kind})


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    parser = ArgumentParser(prog="python -m local.sagemaker_runtime", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--endpoint", required=True, help="its name")
    parser.add_argument("--program", required=True, help="the address of `python -m sagemaker_jobs.serve`")
    given = parser.parse_args()
    # a caller that went away takes its question to the program with it
    application = make_runtime(given.endpoint, given.program)
    web.run_app(application, host="127.0.0.1", port=given.port, handler_cancellation=True, access_log=None, print=None)


if __name__ == "__main__":
    main()
