"""Asking the large model's endpoint for the vector of one query, within a deadline that holds whatever it does."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Final, Literal

import numpy as np
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    ConnectTimeoutError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from pydantic import ValidationError

from functions.aws.clients import sagemaker_runtime
from relevance.arrays import Vector
from relevance.contracts.large_model import EncodeTexts, Vectors
from relevance.errors import VitrineError

Reason = Literal["busy", "failed", "late", "skipped", "throttled", "unreachable", "unusable"]
"""Why the endpoint gave no vector: earlier calls still hang; it answered with an error; the deadline passed; the
breaker is open; it takes no more for now; no connection; its answer cannot be used."""

MOST_HANGING: Final = 4
"""Calls whose deadline has passed and that have not ended yet; while there are so many, no other is made."""
_PIECE_BYTES = 256
_LARGEST_ANSWER_BYTES = 1 << 20
_LENGTH_TOLERANCE = 1e-3
_THROTTLED = frozenset({429, 503})


class EndpointUnavailable(VitrineError):
    """The endpoint gave no vector that can be used."""

    def __init__(self, message: str, reason: Reason, *, again: bool = False) -> None:
        """`again`: whether a second attempt at once has a chance."""
        super().__init__(message)
        self.reason: Reason = reason
        self.again = again


class LargeModelEndpoint:
    """One SageMaker endpoint.

    botocore's timeouts bound each wait for bytes, not all of them together, so a call runs in a thread that is waited
    for until the deadline. One that hangs keeps its thread until the other side ends it.
    """

    def __init__(self, name: str, deadline_ms: int, component: str = "") -> None:
        """
        Args:
            name: Of the endpoint.
            deadline_ms: What no wait for bytes may take longer than.
            component: Which of its inference components is asked; empty for an endpoint that has none.
        """
        self._name = name
        self._asked = {"EndpointName": name} | ({"InferenceComponentName": component} if component else {})
        self._client = sagemaker_runtime(deadline_ms, MOST_HANGING)
        self._threads = ThreadPoolExecutor(MOST_HANGING, thread_name_prefix="endpoint")
        self._free = BoundedSemaphore(MOST_HANGING)

    def query_vector(self, text: str, *, space: str, dimension: int, seconds: float) -> Vector:
        """Shape (d,), length 1, read only: what the large model makes of a query.

        Args:
            text: As the shopper typed it, or as it was corrected.
            space: The id of the encoder whose vectors it is to be compared with.
            dimension: Of these.
            seconds: How long this call may take altogether; above 0.

        Raises:
            EndpointUnavailable: If there is no such vector by then.
        """
        if not self._free.acquire(blocking=False):
            raise EndpointUnavailable(f"{self._name}: {MOST_HANGING} calls hang", "busy")
        until = time.monotonic() + seconds
        called = self._threads.submit(self._answer, text, until)
        called.add_done_callback(lambda _: self._free.release())
        try:
            body = called.result(timeout=seconds)
        except TimeoutError:
            raise EndpointUnavailable(f"{self._name}: no answer after {seconds * 1000:.0f} ms", "late") from None
        return self._checked(body, space, dimension)

    def _answer(self, text: str, until: float) -> bytes:
        """The body of the answer; runs in a thread."""
        left_ms = max(1, int((until - time.monotonic()) * 1000))
        try:
            answer = self._client.invoke_endpoint(
                **self._asked,
                ContentType="application/json",
                Accept="application/json",
                CustomAttributes=f"deadline_ms={left_ms}",
                Body=EncodeTexts(task="encode_query", texts=(text,)).model_dump_json().encode(),
            )
            return self._read(answer["Body"], until)
        except EndpointUnavailable:
            raise
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            raise EndpointUnavailable(f"{self._name}: {type(error).__name__}", "late") from None
        except (ConnectionError, HTTPClientError) as error:  # refused, reset, or closed without an answer
            again = isinstance(error, ConnectionClosedError)
            raise EndpointUnavailable(f"{self._name}: {type(error).__name__}", "unreachable", again=again) from None
        except ClientError as error:
            raise self._refused(error) from None
        except BotoCoreError as error:
            raise EndpointUnavailable(f"{self._name}: {type(error).__name__}", "failed") from None
        except Exception as error:  # an answer that is no HTTP; urllib3's own, which botocore lets pass in a body
            raise EndpointUnavailable(f"{self._name}: {type(error).__name__}", "unusable") from None

    def _read(self, body: StreamingBody, until: float) -> bytes:
        """All of a body, in pieces so small that one that trickles is given up soon after the deadline."""
        read = bytearray()
        while piece := body.read(_PIECE_BYTES):
            read += piece
            late = time.monotonic() > until
            if late or len(read) > _LARGEST_ANSWER_BYTES:
                body.close()
                said = f"{self._name}: {len(read):,} bytes and no end"
                raise EndpointUnavailable(said, "late" if late else "unusable")
        return bytes(read)

    def _refused(self, error: ClientError) -> EndpointUnavailable:
        code = error.response.get("Error", {}).get("Code", "")
        statuses = {
            error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
            error.response.get("OriginalStatusCode"),  # the model's own, where SageMaker passes one on
        }
        throttled = code == "ThrottlingException" or bool(statuses & _THROTTLED)
        said = f"{self._name}: {code} ({', '.join(sorted(str(status) for status in statuses if status))})"
        return EndpointUnavailable(said, "throttled" if throttled else "failed", again=throttled)

    def _checked(self, body: bytes, space: str, dimension: int) -> Vector:
        try:
            answer = Vectors.model_validate_json(body)
        except ValidationError as error:
            raise EndpointUnavailable(f"{self._name}: {error.error_count()} faults in its answer", "unusable") from None
        if answer.space != space:
            raise EndpointUnavailable(f"{self._name}: answers in space {answer.space}, expected {space}", "unusable")
        found = [len(vector) for vector in answer.vectors]
        if found != [dimension]:
            raise EndpointUnavailable(
                f"{self._name}: vectors of dimensions {found}, expected one of {dimension}", "unusable"
            )
        with np.errstate(over="ignore"):  # what is too large for a vector is infinite, and refused
            vector = np.array(answer.vectors[0], dtype=np.float32)
            length = float(np.linalg.norm(vector))
        if not abs(length - 1) <= _LENGTH_TOLERANCE:  # true for NaN as well
            raise EndpointUnavailable(f"{self._name}: a vector of length {length}, expected 1", "unusable")
        vector.flags.writeable = False
        return vector
