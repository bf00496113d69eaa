"""One number for the content of files, to tell whether a step's result of last time still holds."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint_of(paths: Iterable[Path], *values: str) -> str:
    """SHA-256 (hex) over the values and every file named or below a folder named, caches left out."""
    digest = hashlib.sha256("\0".join(values).encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())
        for file in files:
            if "__pycache__" in file.parts:
                continue
            digest.update(f"\0{file}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def content_sha256(folder: Path) -> str:
    """SHA-256 (hex) over every file below a folder by its path within, wherever the folder lies."""
    digest = hashlib.sha256()
    for file in sorted(found for found in folder.rglob("*") if found.is_file()):
        digest.update(f"\0{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()
