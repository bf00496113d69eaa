"""torch, ONNX in both precisions and the running program agree on `tests/golden/large_model.json`, with the real
encoder."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from urllib.error import URLError

import numpy as np
import pytest

from local.cloud import free_port
from models.text_encoder import TextEncoder, original_folder
from relevance.contracts.large_model import Scores, Vectors
from relevance.contracts.served import LEAST_COSINE, MOST_SCORE_DIFFERENCE, Golden
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.package_model import golden_of, package_model
from sagemaker_jobs.serve.large_model import LargeModel
from tests.golden.write_large_model import FILE, an_untaught_teacher

pytestmark = pytest.mark.slow

GOLDEN = Golden.model_validate_json(FILE.read_bytes())
PAIRS = [(pair.query, pair.product) for pair in GOLDEN.pairs]
SCORES = [pair.score for pair in GOLDEN.pairs]


def test_the_golden_vectors_and_scores_are_torchs():
    made = golden_of(TextEncoder.load(original_folder()), an_untaught_teacher())

    assert [(row.task, row.text) for row in made.texts] == [(row.task, row.text) for row in GOLDEN.texts]
    np.testing.assert_allclose(
        [row.vector for row in made.texts], [row.vector for row in GOLDEN.texts], atol=2e-5, rtol=0
    )
    np.testing.assert_allclose([pair.score for pair in made.pairs], SCORES, atol=1e-4)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    teacher = folder / "teacher"
    an_untaught_teacher().save(teacher, trained_on="nothing", metrics={}, seed=0, derived_from="chance")
    package_model(folder / "packed", teacher=teacher, int8=True)
    return folder / "packed"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_onnx_agrees_with_them(packed, precision):
    model = LargeModel.load(packed, precision=precision)

    for row in GOLDEN.texts:
        assert model.encode([row.text], row.task)[0] @ np.array(row.vector) >= LEAST_COSINE[precision], row.text
    np.testing.assert_allclose(model.score(PAIRS), SCORES, atol=MOST_SCORE_DIFFERENCE)


@contextmanager
def running(folder, *arguments):
    """The address of the program, once its ping says 200."""
    port = free_port()
    command = [sys.executable, "-m", "sagemaker_jobs.serve", "--model", str(folder), "--port", str(port), *arguments]
    program = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        until = time.monotonic() + 120
        while not _pings(port):
            assert program.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.communicate(timeout=30)


def _pings(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def invoke(address, body):
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "deadline_ms=60000"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_running_program_agrees_with_them(packed, precision):
    with running(packed, "--precision", precision) as address:
        for task in ("encode_query", "encode_product"):
            rows = [row for row in GOLDEN.texts if row.task == task]
            answer = Vectors.model_validate_json(invoke(address, {"task": task, "texts": [row.text for row in rows]}))

            cosines = np.sum(np.array(answer.vectors) * np.array([row.vector for row in rows]), axis=1)
            assert cosines.min() >= LEAST_COSINE[precision]
            assert answer.space == TextEncoder.load(original_folder()).space
        for (query, product), score in zip(PAIRS, SCORES, strict=True):
            body = {"task": "score", "query": query, "products": [product]}
            (found,) = Scores.model_validate_json(invoke(address, body)).scores
            assert abs(found - score) <= MOST_SCORE_DIFFERENCE
