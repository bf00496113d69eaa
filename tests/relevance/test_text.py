import pytest

from relevance.text import analyse, normalise, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('15.6"', "15.6 inch"),
        ("15.6″", "15.6-inch"),
        ("15,6 inches", '15.6"'),
        ("2TB", "2 terabytes"),
        ("250 ml", "250ML"),
        ("1,000 W", "1000 watts"),
        ("12-pack", "12 pack"),
        ("17.0", "17"),
        ("Laptops", "laptop"),
        ("batteries", "BATTERY"),
        ("café", "CAFE"),
        ("cafe\u0301", "café"),
        ("\uff37\uff49\uff26\uff49", "wifi"),
        ("AT&T", "at and t"),
        ("Core™ i7®", "core i7"),
        ("women's", "women"),
        ("USB\u00a0cable", "usb\tcable"),
        ("straße", "STRASSE"),
    ],
)
def test_what_reads_the_same_has_the_same_tokens(one, other):
    assert analyse(one) == analyse(other)


@pytest.mark.parametrize(
    ("one", "other"), [("2 in 1 laptop", "2 inch 1 laptop"), ("5 m", "5 mm"), ("1.5 l", "15 l"), ("i7", "i5")]
)
def test_what_differs_has_other_tokens(one, other):
    assert analyse(one) != analyse(other)


@pytest.mark.parametrize("text", ["", "   ", "!!!", "\x00\x1f", "\ud800", '"', "\u200b"])
def test_a_text_without_words_has_no_tokens(text):
    assert analyse(text) == []


def test_chinese_is_read_by_character():
    assert words("跑步鞋 Nike") == ["跑", "步", "鞋", "nike"]


def test_a_model_number_is_not_stemmed():
    assert analyse("006R90321s") == ["006r90321s"]


def test_normalising_twice_changes_nothing():
    text = 'Café 43.2 cm (15.6"), 2 TB & 1,000 W \u2013 “quiet”'

    assert normalise(normalise(text)) == normalise(text)
