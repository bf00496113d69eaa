"""Products in folds to measure on, so that what is measured was not seen under another size or colour.

A catalogue lists one thing many times: other sizes, packs, brands. A fold that holds one of them while another is
learnt from measures memory. So products whose titles say the same but for numbers and brand stand in one fold.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from relevance.arrays import Rows
from relevance.contracts.products import Product
from relevance.text import analyse

FOLDS = 5


def families(products: Sequence[Product]) -> list[str]:
    """For each product what its title says but for numbers, model names with digits, and its brand; never empty.

    >>> families([Product(product_id="1", title="Birch desk lamp 2 kg", brand="Birch")])
    ['desk lamp']
    """
    found = []
    for product in products:
        brand = set(analyse(product.brand))
        kept = {token for token in analyse(product.title) if not any(map(str.isdigit, token)) and token not in brand}
        found.append(" ".join(sorted(kept)) or product.title)
    return found


def family_folds(labels: Rows, families: Sequence[str], *, seed: int, folds: int = FOLDS) -> Rows:
    """The fold of each product: shape (n,), 0 to `folds` - 1.

    No family is in two folds. Each label's families are dealt out one by one, the largest first, to the fold that has
    least of the label: every fold gets about the same share of each.

    Args:
        labels: Shape (n,).
        families: Of each of the n products.
        seed: Decides among families of one size.
        folds: How many.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for row, family in enumerate(families):
        members[family].append(row)
    of_label: dict[int, list[str]] = defaultdict(list)
    for family, rows in members.items():
        (label, _), *_ = Counter(labels[rows].tolist()).most_common(1)
        of_label[label].append(family)
    generator = np.random.default_rng(seed)
    found = np.zeros(len(labels), dtype=np.int64)
    totals = np.zeros(folds)
    for label in sorted(of_label):
        shuffled = generator.permutation(np.array(of_label[label], dtype=object))
        of_this = np.zeros(folds)
        for family in sorted(shuffled.tolist(), key=lambda family: -len(members[family])):
            fold = int(np.lexsort((totals, of_this))[0])
            found[members[family]] = fold
            of_this[fold] += len(members[family])
            totals[fold] += len(members[family])
    return found
