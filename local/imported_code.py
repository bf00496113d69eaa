"""The code that a program runs: its own file and all that it imports, near and far."""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path


def code_sha256(module: str, root: Path) -> str:
    """Hash of a module, of the modules below `root` that it imports, however far, with the data files that lie beside
    them, and of the versions of the packages that they import.

    An import within a function counts as one at the top. What is imported by a name that is computed is not seen.
    """
    files: dict[str, Path] = {}
    packages: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        file = _file(name, root)
        if file is None:
            packages.add(name.partition(".")[0])
            continue
        files[name] = file
        waiting += _imports(file)
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
    beside = {data for file in files.values() for data in file.parent.iterdir() if data.suffix not in (".py", ".toml")}
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for file in sorted({*files.values(), *(data for data in beside if data.is_file())}):
        digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    for package in sorted(packages.intersection(_distributions())):
        for distribution in sorted(set(_distributions()[package])):
            digest.update(f"\0{distribution} {importlib.metadata.version(distribution)}".encode())
    return digest.hexdigest()


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # a module perhaps, or a name in one


def _file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
