"""What is in the repository is true on every machine: programs exist, and nothing names a folder or index of one."""

import re
import subprocess

import pytest

from sagemaker_jobs.folders import PROJECT

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("models/**/*.md")])

PROGRAM = re.compile(r"python3? -m ([a-z_]+(?:\.[a-z_]+)+)")

# Written in pieces, so that this file does not find itself.
HOME = re.compile("/" + r"(?:home|Users|root|work)/\w+")
INDEX_IN_USE = re.compile("index-" + r"url\s*[= ]\s*https?://|regis" + r"try\s*=\s*https?://|\"resol" + r"ved\":")


def tracked_texts():
    """Name and text of each tracked file that is text; none outside a repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    for name in filter(None, listed.stdout.split("\0")):
        content = (PROJECT / name).read_bytes() if (PROJECT / name).is_file() else b"\0"
        if b"\0" not in content[:8192]:
            yield name, content.decode("utf-8", errors="replace")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_program_that_a_document_names_exists(document):
    named = PROGRAM.findall(document.read_text(encoding="utf-8"))

    places = {name: PROJECT / name.replace(".", "/") for name in named}
    programs = {name: (place.with_suffix(".py"), place / "__main__.py") for name, place in places.items()}
    assert [name for name, files in programs.items() if not any(file.is_file() for file in files)] == []


@pytest.mark.parametrize("pattern", [HOME, INDEX_IN_USE], ids=["folders of one machine", "package index in use"])
def test_nothing_of_one_machine_is_in_the_repository(pattern):
    found = [f"{name}: {match[0]}" for name, text in tracked_texts() if (match := pattern.search(text))]

    assert found == []
