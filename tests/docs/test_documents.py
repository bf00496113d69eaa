"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("models/**/*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
MAKE_COMMAND = re.compile(r"`make ([a-z-]+)[^`]*`|^\s*(?:\$ )?make ([a-z-]+)", re.MULTILINE)


def make_targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_link_to_a_file_of_ours_leads_somewhere(document):
    links = [link for link in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in link]

    absent = [link for link in links if not (document.parent / link).exists()]

    assert absent == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_make_command_that_is_named_exists(document):
    found = MAKE_COMMAND.findall(document.read_text(encoding="utf-8"))

    named = {in_text or in_block for in_text, in_block in found}

    assert named <= make_targets()


def test_make_help_names_every_command_for_people():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r'@echo "make ([a-z-]+)', makefile))

    environments = {"environment", "test-environment", "peers-environment", "sdk-environment"}
    only_for_others = {"help", "python-version", *environments}
    assert explained == make_targets() - only_for_others
