"""Rankers that a gate must stop, made of one that is good by changing its graph, and releases with them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from relevance.contracts.models import RankerManifest
from relevance.features import FEATURE_NAMES
from relevance.release_files import MANIFEST, file_entry, read_manifest

Change = Callable[[onnx.GraphProto], None]
"""Of a graph from `features`, shape (n, f), to `scores`, shape (n,)."""

STEPS = 4000
ROWS = 5000


def spoil(folder: Path, change: Change, ranker_id: str) -> Path:
    """Change a ranker's graph where it lies, and have its manifest say so; returns the folder."""
    model = onnx.load(folder / "ranker.onnx")
    change(model.graph)
    onnx.save(model, folder / "ranker.onnx")
    manifest = RankerManifest.model_validate_json((folder / MANIFEST).read_bytes())
    files = {name: file_entry(folder / name) for name in manifest.files}
    spoiled = manifest.model_copy(update={"ranker_id": ranker_id, "files": files})
    (folder / MANIFEST).write_text(spoiled.model_dump_json())
    return folder


def with_ranker(release: Path, ranker: Path, target: Path) -> Path:
    """The same release with another ranker, in the folder `target` and by its name; all other files are shared."""
    shutil.copytree(release, target, copy_function=os.link)
    (target / MANIFEST).unlink()
    shutil.rmtree(target / "ranker")
    shutil.copytree(ranker, target / "ranker")
    manifest = read_manifest(release)
    files = {path: entry for path, entry in manifest.files.items() if not path.startswith("ranker/")}
    files |= {f"ranker/{path.name}": file_entry(path) for path in sorted((target / "ranker").iterdir())}
    about = RankerManifest.model_validate_json((ranker / MANIFEST).read_bytes())
    changed = {"release_id": target.name, "ranker_id": about.ranker_id, "files": files}
    (target / MANIFEST).write_text(manifest.model_copy(update=changed).model_dump_json())
    return target


def flip(graph: onnx.GraphProto) -> None:
    """The worst first."""
    _behind(graph, lambda plain: [helper.make_node("Neg", [plain], ["scores"])])


def favour(feature: str, weight: float) -> Change:
    """The same scores and, on top, a feature that has nothing to do with the query."""
    column = np.zeros(len(FEATURE_NAMES), dtype=np.float32)
    column[FEATURE_NAMES.index(feature)] = weight

    def change(graph: onnx.GraphProto) -> None:
        graph.initializer.append(numpy_helper.from_array(column, "favoured"))
        _behind(
            graph,
            lambda plain: [
                helper.make_node("MatMul", ["features", "favoured"], ["favour"]),
                helper.make_node("Add", [plain, "favour"], ["scores"]),
            ],
        )

    return change


def bloat(graph: onnx.GraphProto) -> None:
    """The same scores, with a table in the file of which one number is read."""
    table = np.zeros((ROWS, len(FEATURE_NAMES)), dtype=np.float32)
    graph.initializer.extend(
        (numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array(0, dtype=np.int64), "first"))
    )
    _behind(
        graph,
        lambda plain: [
            helper.make_node("Gather", ["table", "first"], ["row"]),
            helper.make_node("Gather", ["row", "first"], ["nothing"]),
            helper.make_node("Add", [plain, "nothing"], ["scores"]),
        ],
    )


def labour(graph: onnx.GraphProto) -> None:
    """The same scores, after multiplications that change nothing."""
    graph.initializer.append(numpy_helper.from_array(np.eye(len(FEATURE_NAMES), dtype=np.float32), "same"))
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == "features":
                node.input[at] = f"features{STEPS}"
    steps = (
        helper.make_node("MatMul", [f"features{at}" if at else "features", "same"], [f"features{at + 1}"])
        for at in range(STEPS)
    )
    for place, node in enumerate(steps):
        graph.node.insert(place, node)


def _behind(graph: onnx.GraphProto, nodes: Callable[[str], list[onnx.NodeProto]]) -> None:
    """Put nodes between what gave the scores and the scores."""
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name == "scores":
                node.output[at] = "plain_scores"
    graph.node.extend(nodes("plain_scores"))
