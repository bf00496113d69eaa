"""What of a product is text: by field for the lexical index and the features, in one line for the encoder."""

from collections.abc import Iterable

from relevance.contracts.products import Product
from relevance.text import tokens_of, words

TEXT_FIELDS = ("title", "brand", "categories", "description", "attributes")
"""The fields that words are searched in, in the order of everything that has a place per field."""

PRODUCT_TOKENS = 64
"""Where `embedding_text` is cut for the encoder: title and, for most products, the whole description."""

SpokenText = tuple[list[str], ...]
"""The words of one product, normalised but not stemmed, by field in the order of TEXT_FIELDS."""

AnalysedText = tuple[list[str], ...]
"""The tokens of one product, by field in the order of TEXT_FIELDS."""


def attribute_text(name: str, value: object) -> str:
    """One attribute as words; an attribute that is false says nothing.

    >>> attribute_text("display_diagonal", 17.0), attribute_text("touchscreen", True), attribute_text("wifi", False)
    ('display diagonal 17', 'touchscreen', '')
    """
    if value is False:
        return ""
    spoken = name.replace("_", " ").strip()
    if value is True:
        return spoken
    if isinstance(value, float):
        return f"{spoken} {value:g}"
    return f"{spoken} {', '.join(value) if isinstance(value, tuple) else value}"


def field_texts(product: Product) -> tuple[str, ...]:
    """The product's text in the order of TEXT_FIELDS."""
    attributes = (attribute_text(name, value) for name, value in product.attributes.items())
    return (
        product.title,
        product.brand,
        ", ".join(product.categories),
        product.description,
        "; ".join(text for text in attributes if text),
    )


def analyse_products(products: Iterable[Product]) -> list[AnalysedText]:
    """The tokens of each product, by field."""
    return [tokens_of_words(spoken) for spoken in words_of_products(products)]


def words_of_products(products: Iterable[Product]) -> list[SpokenText]:
    """The words of each product, by field."""
    return [tuple(words(text) for text in field_texts(product)) for product in products]


def tokens_of_words(spoken: SpokenText) -> AnalysedText:
    """The tokens of one product, out of its words."""
    return tuple(tokens_of(field) for field in spoken)


def embedding_text(product: Product) -> str:
    """What the encoder reads of a product: title, brand unless the title names it, categories, description."""
    brand = "" if product.brand.casefold() in product.title.casefold() else product.brand
    parts = (product.title, brand, ", ".join(product.categories), product.description)
    return ". ".join(part for part in parts if part)
