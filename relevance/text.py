"""Text to tokens: one analysis for the lexical index, the query and the features."""

import re
import threading
import unicodedata
from collections.abc import Sequence

import Stemmer

_INCH_MARKS = str.maketrans(
    {"\u2033": '"', "\u201c": '"', "\u201d": '"', "\u201f": '"', "\u2032": "'", "\u2018": "'", "\u2019": "'"}
)
# Before NFKC, which would spell them out ("TM"); "&" is read aloud, so that "Bang & Olufsen" is "Bang and Olufsen".
_SYMBOLS = str.maketrans({"™": " ", "®": " ", "©": " ", "&": " and "})
_CONTROLS = str.maketrans(dict.fromkeys((*range(32), 127), " "))

UNITS = {
    "inch": ("inches", "inch", "in"),
    "ft": ("feet", "foot", "ft"),
    "mm": ("millimetres", "millimeters", "mm"),
    "cm": ("centimetres", "centimeters", "cm"),
    "m": ("metres", "meters", "metre", "meter", "m"),
    "kg": ("kilograms", "kilogram", "kgs", "kg"),
    "g": ("grams", "gram", "g"),
    "lb": ("pounds", "lbs", "lb"),
    "oz": ("ounces", "ounce", "oz"),
    "ml": ("millilitres", "milliliters", "ml"),
    "l": ("litres", "liters", "litre", "liter", "ltr", "l"),
    "kb": ("kilobytes", "kb"),
    "mb": ("megabytes", "megabyte", "mb"),
    "gb": ("gigabytes", "gigabyte", "gb"),
    "tb": ("terabytes", "terabyte", "tb"),
    "mbps": ("mbit/s", "mbps"),
    "gbps": ("gbit/s", "gbps"),
    "mhz": ("megahertz", "mhz"),
    "ghz": ("gigahertz", "ghz"),
    "hz": ("hertz", "hz"),
    "w": ("watts", "watt", "w"),
    "v": ("volts", "volt", "v"),
    "mah": ("mah",),
    "mp": ("megapixels", "megapixel", "mp"),
    "dpi": ("dpi",),
    "fps": ("fps",),
    "pack": ("packs", "pack", "pk"),
    "ct": ("count", "ct"),
}
"""Canonical unit -> the ways shops and shoppers write it."""

_CANONICAL_UNIT = {written: unit for unit, ways in UNITS.items() for written in ways}
_LONGEST_FIRST = sorted(_CANONICAL_UNIT, key=len, reverse=True)
_NUMBER = r"(?<![\w.,])(\d+(?:[.,]\d+)*)"
# "2 in 1" is no length.
_MEASURE = re.compile(rf"{_NUMBER}[ -]?(?!in \d)({'|'.join(map(re.escape, _LONGEST_FIRST))})(?!\w)")
_INCHES = re.compile(rf"{_NUMBER} ?(?:\"|'')")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TRAILING_ZERO = re.compile(r"(?<![\w.])(\d+)\.0+(?=[a-z]*(?![\w.]))")
# A number may hold a decimal point; Chinese and Japanese are written without spaces, so each character is a token.
_TOKEN = re.compile(
    r"\d+(?:\.\d+)+[^\W_]*|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+"
)
_DIGIT = re.compile(r"\d")
_POSSESSIVE = re.compile(r"(?<=\w)'s?(?!\w)")

# A Snowball stemmer keeps state between calls and must not be shared by threads.
_local = threading.local()


def _stemmer() -> Stemmer.Stemmer:
    if not hasattr(_local, "english"):
        _local.english = Stemmer.Stemmer("english")
    stemmer: Stemmer.Stemmer = _local.english
    return stemmer


def normalise(text: str) -> str:
    """One spelling for what reads the same: Unicode form, case, accents, quotes, units, white space.

    Control characters and lone surrogates become spaces. A number with its unit becomes one word.

    >>> normalise('Café\\u00a0Notebook 43.2 cm (15.6″), 2 TB')
    'cafe notebook 43.2cm (15.6inch ), 2tb'
    >>> normalise("1,000 watts")
    '1000w'
    """
    text = text.translate(_INCH_MARKS).translate(_SYMBOLS)
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        kept = (" " if kind[0] == "C" else c for c in decomposed if (kind := unicodedata.category(c)) != "Mn")
        text = unicodedata.normalize("NFC", "".join(kept))
    text = text.translate(_CONTROLS).casefold()
    text = _THOUSANDS.sub("", text)
    text = _INCHES.sub(r"\1inch ", text)
    text = _MEASURE.sub(lambda match: match[1].replace(",", ".") + _CANONICAL_UNIT[match[2]], text)
    text = _TRAILING_ZERO.sub(r"\1", text)
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """The words of a text in order, normalised, not stemmed.

    >>> words("Men's Wi-Fi headphones, 3.5 mm")
    ['men', 'wi', 'fi', 'headphones', '3.5mm']
    """
    return _TOKEN.findall(_POSSESSIVE.sub("", normalise(text)))


def analyse(text: str) -> list[str]:
    """The tokens of a text in order: normalised words, each without digits reduced to its English stem.

    >>> analyse("Laptops with 2TB drives")
    ['laptop', 'with', '2tb', 'drive']
    """
    return tokens_of(words(text))


def tokens_of(found: Sequence[str]) -> list[str]:
    """The token of each word that `words` found."""
    stems: list[str] = _stemmer().stemWords(found)
    return [word if _DIGIT.search(word) else stem for word, stem in zip(found, stems, strict=True)]


def is_number(token: str) -> bool:
    """Whether a token states a quantity or a model number: it holds a digit.

    >>> is_number("2tb"), is_number("laptop")
    (True, False)
    """
    return _DIGIT.search(token) is not None
