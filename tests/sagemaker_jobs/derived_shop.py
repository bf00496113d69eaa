"""A small made-up shop with kinds, brands, colours and sizes; every test's answer can be seen in it."""

from relevance.contracts.products import Product

BRANDS = ("Acorn", "Birch", "Cedar", "Dogwood")
COLOURS = ("black", "white", "red")
KINDS = {
    "desk lamp": {"power": "9 W", "light_source": "LED"},
    "table fan": {"power": "30 W", "blades": "5"},
    "notebook": {"processor": "Quad", "display": "14 inch"},
    "notebook case": {"material": "Felt", "lining": "Cotton"},
    "kettle": {"capacity": "1.7 l", "cordless": "yes"},
}


def made_up_shop(sizes: int = 3) -> list[Product]:
    """One product for each kind, brand, colour and size number."""
    products = []
    for kind, attributes in KINDS.items():
        for brand in BRANDS:
            for colour in COLOURS:
                for size in range(1, sizes + 1):
                    number = len(products)
                    products.append(
                        Product(
                            product_id=f"p{number}",
                            title=f"{brand} {brand[0]}{number} {kind} {size}kg {colour}",
                            description=f"A {colour} {kind} by {brand}",
                            brand=brand,
                            attributes={"colour": colour.title(), "weight": f"{size} kg", **attributes},
                        )
                    )
    return products
