"""Synonyms of an index, all five kinds that Algolia knows; `index/synonyms.json` in a release is a list of them."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, TypeAdapter

from relevance.contracts.wire import WireRequest

MAX_SYNONYMS = 10_000
"""In one index."""
MAX_PHRASES = 100
"""In one synonym."""
MAX_PHRASE_CHARACTERS = 100

_PHRASE = f"text of 1 to {MAX_PHRASE_CHARACTERS} characters, not blank"
_SEVERAL = f"texts of 1 to {MAX_PHRASE_CHARACTERS} characters, none blank"

Phrase = Annotated[str, Field(max_length=MAX_PHRASE_CHARACTERS, pattern=r"\S")]
"""A word, or several with spaces between."""


class _Synonym(WireRequest):
    object_id: str = Field(
        alias="objectID", max_length=512, pattern=r"\S", description="text of 1 to 512 characters, not blank"
    )


class EqualPhrases(_Synonym):
    """Each of the phrases finds what any other of them finds."""

    type: Literal["synonym"] = Field(description='"synonym"')
    synonyms: list[Phrase] = Field(
        min_length=2, max_length=MAX_PHRASES, description=f"a list of 2 to {MAX_PHRASES} {_SEVERAL}"
    )


class OneWaySynonym(_Synonym):
    """The input finds also what the synonyms find, not the other way round."""

    type: Literal["oneWaySynonym", "onewaysynonym"] = Field(description='"oneWaySynonym"')
    input: Phrase = Field(description=_PHRASE)
    synonyms: list[Phrase] = Field(
        min_length=1, max_length=MAX_PHRASES, description=f"a list of 1 to {MAX_PHRASES} {_SEVERAL}"
    )


class AlternativeCorrection(_Synonym):
    """The word finds also what the corrections find, as if they were one or two typing errors away."""

    type: Literal["altCorrection1", "altcorrection1", "altCorrection2", "altcorrection2"] = Field(
        description='"altCorrection1" or "altCorrection2"'
    )
    word: Phrase = Field(description=_PHRASE)
    corrections: list[Phrase] = Field(
        min_length=1, max_length=MAX_PHRASES, description=f"a list of 1 to {MAX_PHRASES} {_SEVERAL}"
    )

    @property
    def typos(self) -> int:
        """How far away the corrections count as: 1 or 2 typing errors."""
        return int(self.type[-1])


class Placeholder(_Synonym):
    """A product whose text holds the placeholder is found by each of the replacements in its place."""

    type: Literal["placeholder"] = Field(description='"placeholder"')
    placeholder: str = Field(
        max_length=MAX_PHRASE_CHARACTERS, pattern="^<[^<>]+>$", description='text in angle brackets, such as "<number>"'
    )
    replacements: list[Phrase] = Field(
        min_length=1, max_length=MAX_PHRASES, description=f"a list of 1 to {MAX_PHRASES} {_SEVERAL}"
    )


Synonym = Annotated[EqualPhrases | OneWaySynonym | AlternativeCorrection | Placeholder, Field(discriminator="type")]


class SynonymRecord(RootModel[Synonym]):
    """A synonym of any kind, as the wire carries it."""


class GivenSynonym(RootModel[dict[str, Any]]):
    """A synonym as SynonymRecord has it; the objectID may be left to the address."""


class SynonymRecords(RootModel[list[Synonym]]):
    """Several synonyms."""


SYNONYM_LIST: TypeAdapter[list[Synonym]] = TypeAdapter(list[Synonym])
"""Reads and writes `index/synonyms.json`; write with `by_alias=True`."""

SYNONYM_KINDS: dict[str, type[EqualPhrases | OneWaySynonym | AlternativeCorrection | Placeholder]] = {
    "synonym": EqualPhrases,
    "onewaysynonym": OneWaySynonym,
    "altcorrection1": AlternativeCorrection,
    "altcorrection2": AlternativeCorrection,
    "placeholder": Placeholder,
}
"""By `type` in lower case; Algolia takes both spellings."""
