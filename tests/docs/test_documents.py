"""Links lead somewhere, commands and fields are real, and nothing of one machine is in the repository."""

import re
import subprocess

import pytest

from relevance.contracts.products import Product
from sagemaker_jobs.folders import PROJECT

DOCUMENTS = sorted(
    path for path in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("models/**/*.md")]
)

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_MAKE = re.compile(r"\bmake (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_MODULE = re.compile(r"python3? -m ([a-z_]+(?:\.[a-z_]+)+)")

# Written apart, so that this file does not find itself.
_HOME = re.compile("/" + r"(?:home|Users|root|work)/\w+")
_INDEX_IN_USE = re.compile(r"index-" + r"url\s*[= ]\s*https?://|registry\s*=\s*https?://|\"resolved\":")


def relative(path):
    return str(path.relative_to(PROJECT))


def code_of(document):
    return "\n".join(_CODE.findall(document.read_text(encoding="utf-8")))


def tracked_texts():
    """Path and text of every tracked file that is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False)
    for name in filter(None, listed.stdout.split("\0")):
        path = PROJECT / name
        if path.is_file():
            content = path.read_bytes()
            if b"\0" not in content[:8192]:
                yield name, content.decode("utf-8", errors="replace")


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_relative_link_leads_somewhere(document):
    links = [link.partition("#")[0] for link in _LINK.findall(document.read_text(encoding="utf-8"))]

    lost = [link for link in links if link and "://" not in link and not (document.parent / link).exists()]

    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_make_command_is_a_target(document):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))

    assert set(_MAKE.findall(code_of(document))) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_program_in_a_document_exists(document):
    named = _MODULE.findall(code_of(document))

    assert [name for name in named if not (PROJECT / f"{name.replace('.', '/')}.py").is_file()] == []


def test_the_catalogue_format_lists_every_field_in_the_words_of_a_refusal():
    text = (PROJECT / "docs" / "catalogue-format.md").read_text(encoding="utf-8")

    for name, field in Product.model_fields.items():
        assert f"| `{field.alias or name}` | {field.description} |" in text


@pytest.mark.parametrize("pattern", [_HOME, _INDEX_IN_USE], ids=["folders of one machine", "package index in use"])
def test_nothing_of_one_machine_is_in_the_repository(pattern):
    found = [f"{name}: {match[0]}" for name, text in tracked_texts() if (match := pattern.search(text))]

    assert found == []
