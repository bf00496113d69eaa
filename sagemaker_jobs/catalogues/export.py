"""An export of the catalogue's table: `export.json`, `products.jsonl`, and `settings.json` and `synonyms.json`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from relevance.contracts.settings import IndexSettings
from relevance.contracts.synonyms import SYNONYM_LIST
from relevance.errors import CatalogueError

ABOUT = "export.json"
PRODUCTS, SETTINGS, SYNONYMS = "products.jsonl", "settings.json", "synonyms.json"


class About(BaseModel):
    """What an export says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    """Of the table, read before the products were."""
    source: str
    """Where the products came from, in words."""


def about(folder: Path) -> About:
    """What the export in a folder says of itself; raises CatalogueError if it is none."""
    try:
        return About.model_validate_json((folder / ABOUT).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise CatalogueError(f"{folder} is no export of a catalogue: {error}") from None


def accompanying(folder: Path) -> dict[str, bytes]:
    """The settings and the synonyms, as far as there are any.

    Raises:
        CatalogueError: If they are not what this code understands.
    """
    found = {name: (folder / name).read_bytes() for name in (SETTINGS, SYNONYMS) if (folder / name).exists()}
    try:
        if SETTINGS in found:
            IndexSettings.model_validate_json(found[SETTINGS], by_alias=True, by_name=False)
        if SYNONYMS in found:
            SYNONYM_LIST.validate_json(found[SYNONYMS])
    except ValidationError as error:
        raise CatalogueError(f"{folder}: {error}") from None
    return found
