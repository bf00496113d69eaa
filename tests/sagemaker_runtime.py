"""A real HTTP server that stands for SageMaker Runtime, with the ways in which such a thing fails."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from relevance.arrays import Vector
from relevance.contracts.large_model import REQUEST, EncodeTexts

Behaviour = Callable[["_Handler", EncodeTexts], None]


class Runtime:
    """The server, how it behaves now, and what it was asked."""

    def __init__(self, encode: Callable[[str], Vector], space: str) -> None:
        self.space = space
        self.encode = encode
        self.behaviour: Behaviour = right
        self.asked: list[EncodeTexts] = []
        self.attributes: list[str] = []
        self.paths: list[str] = []
        self.components: list[str | None] = []
        self.over = threading.Event()
        """Set when it is to be stopped: whoever hangs hangs no longer."""
        self._server = self._listening(0)

    @property
    def address(self) -> str:
        """The same after it was stopped and started again."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, text: str, **changed: Any) -> dict[str, Any]:
        """The right answer, with some fields changed."""
        vectors = [self.encode(text).tolist()]
        return {"model_id": "large", "space": self.space, "vectors": vectors} | changed

    def forget(self) -> None:
        """What it was asked until now."""
        for heard in (self.asked, self.attributes, self.paths, self.components):
            heard.clear()

    def let_go(self) -> None:
        """Whoever hangs hangs no longer."""
        self.over.set()
        self.over = threading.Event()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody listens, and then somebody does again, at the same address."""
        self.stop()
        yield
        self._server = self._listening(self._server.server_address[1])

    def stop(self) -> None:
        """Nobody listens any more, and who hangs is let go."""
        self.let_go()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()

    def _listening(self, port: int) -> "_Server":
        server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"runtime": self}))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *given: Any) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(*given)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """Connections that are kept open are answered no more."""
        for connection in self._connections:
            with suppress(OSError):  # it may have ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone: that is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    runtime: Runtime

    def do_POST(self) -> None:
        asked = REQUEST.validate_json(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(asked, EncodeTexts)
        self.runtime.asked.append(asked)
        self.runtime.paths.append(self.path)
        self.runtime.attributes.append(self.headers["X-Amzn-SageMaker-Custom-Attributes"])
        self.runtime.components.append(self.headers["X-Amzn-SageMaker-Inference-Component"])
        try:
            self.runtime.behaviour(self, asked)
        except OSError:  # who asked has gone
            self.close_connection = True

    def send(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def right(handler: _Handler, asked: EncodeTexts) -> None:
    handler.send(json.dumps(handler.runtime.answer(asked.texts[0])).encode())


def changed(**fields: Any) -> Behaviour:
    """The right answer but for some fields."""
    return lambda handler, asked: handler.send(json.dumps(handler.runtime.answer(asked.texts[0], **fields)).encode())


def saying(body: bytes) -> Behaviour:
    """An answer with this body, whatever was asked."""
    return lambda handler, _: handler.send(body)


def refusing(status: int, code: str, **fields: Any) -> Behaviour:
    """An error as SageMaker Runtime words it."""
    body = json.dumps({"message": "no", **fields}).encode()
    return lambda handler, _: handler.send(body, status, {"x-amzn-ErrorType": code})


def slow(seconds: float) -> Behaviour:
    """Right, but late."""

    def behaviour(handler: _Handler, asked: EncodeTexts) -> None:
        handler.runtime.over.wait(seconds)
        right(handler, asked)

    return behaviour


def hanging(handler: _Handler, _: EncodeTexts) -> None:
    """No answer, and no end of the connection."""
    handler.runtime.over.wait()
    handler.close_connection = True


def trickling(handler: _Handler, _: EncodeTexts) -> None:
    """A byte now and then, more often than any wait for one lasts."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    over = handler.runtime.over
    while not over.wait(0.02):
        handler.wfile.write(b" ")
    handler.close_connection = True


def trickling_from_the_first_byte(handler: _Handler, _: EncodeTexts) -> None:
    """The same, before the headers have ended."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    over = handler.runtime.over
    while not over.wait(0.02):
        handler.wfile.write(b"a")
    handler.close_connection = True


def hanging_up(handler: _Handler, _: EncodeTexts) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True
    handler.connection.close()


def at_first(once: Behaviour, then: Behaviour = right) -> Behaviour:
    """One behaviour for the first call, and another for all behind it."""
    waiting = [once]
    return lambda handler, asked: (waiting.pop() if waiting else then)(handler, asked)


@contextmanager
def a_runtime(encode: Callable[[str], Vector], space: str) -> Iterator[Runtime]:
    """One that answers right until it is told otherwise."""
    runtime = Runtime(encode, space)
    try:
        yield runtime
    finally:
        runtime.stop()
