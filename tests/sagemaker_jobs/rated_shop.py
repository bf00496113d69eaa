"""A small made-up shop whose queries have known answers, with prices, and ratings that one brand alone has high."""

from relevance.contracts.products import Product
from relevance.contracts.training import QueryLine
from tests.sagemaker_jobs.derived_shop import COLOURS, made_up_shop
from tests.sagemaker_jobs.training_results import a_query

FAVOURED = "Cedar"
SPOKEN = {
    "desk lamp": ("desk lamp", "lighting for a desk"),
    "table fan": ("table fan", "cooling air in summer"),
    "notebook": ("notebook", "portable computer"),
    "notebook case": ("notebook case", "felt sleeve for a laptop"),
    "kettle": ("kettle", "boil water for tea"),
}
"""What a shopper calls each kind: as the titles do, and in other words."""


def rated_shop(sizes: int = 2) -> list[Product]:
    """Prices run through all brands and kinds; only the favoured brand's products are rated well."""
    return [
        product.model_copy(
            update={
                "price": 5 + (number * 37) % 101,
                "currency": "EUR",
                "rating": 5.0 if product.brand == FAVOURED else 2.0,
                "rating_count": 10,
            }
        )
        for number, product in enumerate(made_up_shop(sizes))
    ]


def answers(products: list[Product]) -> dict[QueryLine, dict[str, float]]:
    """Each way to ask for a kind, alone and in a colour, with the products that are right for it."""
    found = {}
    for kind, ways in SPOKEN.items():
        of_kind = {product.product_id: product for product in products if f" {kind} by " in product.description}
        for way in ways:
            found[a_query(way, segment="head")] = dict.fromkeys(of_kind, 1.0)
            for colour in COLOURS[:2]:
                found[a_query(f"{colour} {way}")] = {
                    product_id: 1.0 if colour in product.title else 0.2 for product_id, product in of_kind.items()
                }
    return found
