"""One engine in a process of its own, asked over standard input and output in lines of JSON.

    python -m benchmarks.peers.serve build NAME FOLDER < products as JSON lines
    python -m benchmarks.peers.serve ready NAME FOLDER

The second says `{"ready": true}`, then answers `{"queries": [...], "k": 20}` with `{"answers": [{"ids": [...],
"ms": 1.2}, ...]}`, until its input ends. `orama.mjs` speaks the same.
"""

import gc
import json
import os
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import TextIO

from benchmarks.peers.engine import Engine, peer


def serve(engine: Engine, asked: TextIO, answered: TextIO) -> None:
    """Answer every line of `asked`."""
    _say(answered, {"ready": True})
    for line in asked:
        request = json.loads(line)
        gc.collect()
        answers = []
        for query in request["queries"]:
            begun_ns = perf_counter_ns()
            ids = engine.search(query, request["k"])
            took_ms = (perf_counter_ns() - begun_ns) / 1e6 - engine.outside_ms
            answers.append({"ids": list(ids), "ms": took_ms})
        _say(answered, {"answers": answers})


def _say(answered: TextIO, what: object) -> None:
    answered.write(json.dumps(what) + "\n")
    answered.flush()


def main() -> int:
    """Build or serve."""
    command, name, place = sys.argv[1:]
    folder = Path(place)
    if command == "build":
        from relevance.catalogue import read_catalogue

        peer(name).build(read_catalogue(sys.stdin.buffer).products, folder)
        return 0
    # An engine, or what it is made of, may print: not into the answers.
    answered = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(peer(name).ready(folder), sys.stdin, answered)
    return 0


if __name__ == "__main__":
    sys.exit(main())
