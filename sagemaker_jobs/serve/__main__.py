"""Serve the large model over HTTP, as a container of SageMaker does, or as a process.

    python -m sagemaker_jobs.serve --model <what package_model wrote> --port 8080

SageMaker starts a container with the word `serve`, and lays the model into /opt/ml/model. A container says in its
environment what it runs on, VITRINE_PROVIDER, and may say VITRINE_PRECISION. Where its metrics belong it is told as the
functions of its stage are, by POWERTOOLS_METRICS_NAMESPACE.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

from aiohttp import web

from sagemaker_jobs.serve.application import Serving, make_application
from sagemaker_jobs.serve.large_model import LargeModel
from sagemaker_jobs.serve.measurements import Measurements


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to end."""
    given = _parser().parse_args(arguments)
    opened = partial(
        LargeModel.load, given.model, provider=given.provider, precision=given.precision, threads=given.threads
    )
    serving = Serving(**{field.name: getattr(given, field.name) for field in fields(Serving)})
    web.run_app(
        make_application(opened, serving, Measurements(given.namespace)),
        host=given.host,
        port=given.port,
        handler_cancellation=True,  # a client that went away is not computed for
        access_log=None,
        print=None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.serve", description=__doc__)
    parser.add_argument("serve", nargs="?", choices=["serve"], help="SageMaker says this; it means nothing")
    model = os.environ.get("SM_MODEL_DIR") or "/opt/ml/model"
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    parser.add_argument("--model", type=Path, metavar="DIR", default=Path(model), help=f"default: {model}")
    parser.add_argument("--port", type=int, default=port, help=f"default: {port}")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s; a container needs 0.0.0.0")
    for name, choices in (("provider", ["cpu", "cuda"]), ("precision", ["fp32", "int8"])):
        default = os.environ.get(f"VITRINE_{name.upper()}") or choices[0]
        parser.add_argument(f"--{name}", choices=choices, default=default, help=f"default: {default}")
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "Vitrine/local"
    parser.add_argument("--namespace", default=namespace, help=f"of the metrics; default: {namespace}")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="default: one for each core")
    for field in fields(Serving):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    main()
