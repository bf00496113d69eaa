import json

import pytest

from relevance.contracts.stages import PreprocessRequest
from relevance.release import open_release
from relevance.search import understand
from relevance.spelling import MOST_UNKNOWN, Spelling, edit_cost
from tests.builders import a_product, a_release


@pytest.fixture
def spelling():
    counts = {
        "laptop": 40,
        "laptops": 9,
        "keyboard": 30,
        "wireless": 25,
        "canon": 12,
        "cable": 50,
        "table": 2,
        "usb": 9,
    }
    return Spelling.of([[[word]] for word, count in counts.items() for _ in range(count)])


@pytest.mark.parametrize(
    ("typed", "cost"),
    [
        ("keyboard", 0),
        ("keyboad", 100),  # one left out
        ("keybaord", 100),  # two swapped
        ("keybooard", 101),  # one put in
        ("keyboarf", 101),  # one put wrong
        ("kyebaord", 200),
        ("kexboad", 201),
        ("", None),
        ("kxybxaxd", None),
    ],
)
def test_an_edit_costs_by_its_kind(typed, cost):
    assert edit_cost(typed, "keyboard", 2) == cost


def test_an_edit_costs_the_same_wherever_it_stands():
    assert [edit_cost(typed, "canon", 1) for typed in ("anon", "caon", "cano")] == [100, 100, 100]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("laptpo", "laptop"),
        ("lptp", None),  # four letters: one edit at most
        ("wreles", "wireless"),
        ("wirless", "wireless"),
        ("keybrd", "keyboard"),
        ("kybrd", None),  # three edits
        ("tabl", "table"),
        ("us", None),  # too short to guess at
        ("qqqqqqqq", None),
        ("k" * 61, None),
    ],
)
def test_the_nearest_word_of_the_catalogue_was_meant(spelling, typed, meant):
    assert spelling.nearest(typed) == meant


def test_of_two_words_as_near_the_more_common_was_meant(spelling):
    assert spelling.nearest("xable") == "cable"


def test_a_letter_left_out_is_likelier_than_one_put_wrong():
    spelling = Spelling({"regulation": 1, "emulation": 5}, ())

    assert spelling.nearest("egulation") == "regulation"


def test_an_empty_catalogue_corrects_nothing():
    assert Spelling({}, ()).corrected("wirless keybord") is None


def test_the_rest_of_a_query_stays_as_it_was_typed(spelling):
    assert spelling.corrected("Wirless  KEYBOARD, 15.6″ für Canoon's") == "wireless  KEYBOARD, 15.6″ für canon's"


@pytest.mark.parametrize(
    "query",
    [
        "laptop",
        "LAPTOPS",
        "keyboards",  # no word of the catalogue, but a form of one
        "canon",
        "EOS-600D cables",
        "keybord7",  # a model number, for all we know
        "KEYBORD-X1",
        "Sony KEYBORD",  # capitals among small letters: an abbreviation or a model
        "2tb",
        "usc",
        "键盘 キーボード",
        "🙂 <b>",
        "",
    ],
)
def test_what_is_right_or_may_be_a_model_number_is_never_changed(spelling, query):
    assert spelling.corrected(query) is None


def test_a_query_all_in_capitals_is_corrected(spelling):
    assert spelling.corrected("WIRLESS KEYBOARD") == "wireless KEYBOARD"


def test_a_misspelt_brand_is_corrected_to_the_brand(spelling):
    assert spelling.corrected("cannon") == "canon"


def test_a_word_of_the_language_at_large_is_left_alone(spelling):
    assert spelling.corrected("fable keybord", leave={"fable"}.__contains__) == "fable keyboard"


def test_accents_are_no_misspelling(spelling):
    assert spelling.corrected("láptop cáble") is None
    assert spelling.corrected("la\u0301ptpo") == "laptop"


def test_half_a_character_does_not_come_back(spelling):
    corrected = spelling.corrected("\ud800 laptpo")

    assert corrected == "  laptop"
    assert json.dumps(corrected, ensure_ascii=False).encode()


def test_only_so_many_words_of_a_query_are_looked_up(spelling):
    unknown = [f"zzz{letter}" for letter in "abcdefghij"][:MOST_UNKNOWN]

    assert spelling.corrected(" ".join([*unknown[1:], "laptpo"])) is not None
    assert spelling.corrected(" ".join([*unknown, "laptpo"])) is None


def test_what_was_saved_reads_the_same(spelling, tmp_path):
    spelling.save(tmp_path)

    opened = Spelling.open(tmp_path)

    assert opened.counts == spelling.counts
    assert opened.knows("keyboards")
    assert opened.corrected("wirless laptpo") == "wireless laptop"


def test_tokens_and_vector_are_of_the_corrected_query(release_folder):
    release = open_release(release_folder)

    corrected = understand(PreprocessRequest(query_id="0" * 32, query="Blutooth headphnes"), release)
    right = understand(PreprocessRequest(query_id="0" * 32, query="bluetooth headphones"), release)

    assert corrected.corrected == "bluetooth headphones"
    assert (corrected.query, corrected.normalised) == ("Blutooth headphnes", "blutooth headphnes")
    assert (corrected.tokens, corrected.weights) == (right.tokens, right.weights)
    assert corrected.vector.tolist() == right.vector.tolist()


def test_without_the_wish_a_query_stands_as_typed(release_folder):
    request = PreprocessRequest(query_id="0" * 32, query="Blutooth", typo_tolerance=False)

    understood = understand(request, open_release(release_folder))

    assert (understood.corrected, understood.tokens) == (None, ("blutooth",))


def test_a_word_that_the_encoder_knows_is_no_misspelling_of_another(tmp_path):
    release = open_release(a_release(tmp_path, [a_product("only", "Telnet server")]))

    understood = understand(PreprocessRequest(query_id="0" * 32, query="helmet telnett"), release)

    assert understood.corrected == "helmet telnet"


def test_a_release_without_an_encoder_corrects_too(tmp_path):
    release = open_release(a_release(tmp_path, encoder=False))

    assert understand(PreprocessRequest(query_id="0" * 32, query="ketle"), release).corrected == "kettle"
