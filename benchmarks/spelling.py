"""How well misspelt words of a catalogue are corrected, how fast, and how often a right query is changed.

A misspelt word has one or two random edits: a letter left out, put in, replaced, or swapped with its neighbour, each as
often as the others, anywhere in the word. An edit that gives a word of the catalogue is drawn again: nobody could
tell. Words are drawn each alike, as the target says, and also as often as products hold them, as shoppers rather ask.

Right queries are runs of words of the titles. The catalogue knows them all, so they cannot be changed; a harder test
is beside it: the queries of a tenth of the products, asked of a vocabulary that was built from the others.
"""

import random
import sys
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from relevance.contracts.products import Product
from relevance.product_text import words_of_products
from relevance.release import open_release
from relevance.spelling import Spelling, edit_cost
from relevance.text import tokens_of

WORDS = 500
QUERIES = 2000
SHORTEST = 6
SEED = 20261122
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"

Knows = Callable[[str], bool]


def misspelt(word: str, edits: int, rng: random.Random) -> str:
    """The word with so many random edits; they may undo each other."""
    for _ in range(edits):
        kind = rng.choice(("leave out", "put in", "replace", "swap"))
        place = rng.randrange(len(word) - (kind == "swap") + (kind == "put in"))
        if kind == "leave out":
            word = word[:place] + word[place + 1 :]
        elif kind == "put in":
            word = word[:place] + rng.choice(_ALPHABET) + word[place:]
        elif kind == "replace":
            word = word[:place] + rng.choice(_ALPHABET) + word[place + 1 :]
        else:
            word = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word


def slip(word: str, edits: int, spelling: Spelling, rng: random.Random) -> str:
    """A misspelling that is exactly so many edits away and no word of the catalogue."""
    while True:
        typed = misspelt(word, edits, rng)
        cost = edit_cost(typed, word, edits)
        if cost is not None and cost // 100 == edits and typed not in spelling.counts:
            return typed


def corrected_share(words: Sequence[str], edits: int, spelling: Spelling, leave: Knows, seed: int) -> dict[str, Any]:
    """Shares of words, in [0, 1], and milliseconds a word."""
    rng = random.Random(seed)
    exactly = found = untouched = 0
    times_ms = []
    for word in words:
        typed = slip(word, edits, spelling, rng)
        began_ns = perf_counter_ns()
        answer = spelling.corrected(typed, leave)
        times_ms.append((perf_counter_ns() - began_ns) / 1e6)
        exactly += answer == word
        found += tokens_of([answer or typed]) == tokens_of([word])
        untouched += answer is None
    return {
        "edits": edits,
        "words": len(words),
        "corrected": round(exactly / len(words), 4),
        "found": round(found / len(words), 4),
        "untouched": round(untouched / len(words), 4),
        "mean_ms": round(float(np.mean(times_ms)), 3),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 3),
    }


def changed_queries(queries: Sequence[str], spelling: Spelling, leave: Knows) -> dict[str, Any]:
    """How many right queries were changed, as a share in [0, 1], and the first few of them."""
    changed = [f"{query} -> {better}" for query in queries if (better := spelling.corrected(query, leave)) is not None]
    return {"queries": len(queries), "changed": round(len(changed) / len(queries), 4), "such_as": changed[:10]}


def main() -> int:
    """Measure, print, write `spelling.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    spelling = release.index.spelling
    leave: Knows = release.encoder.knows if release.encoder else lambda _: False
    long_words = sorted(word for word in spelling.counts if len(word) >= SHORTEST)
    if len(long_words) < WORDS:
        print(f"the release knows {len(long_words)} words of {SHORTEST} letters: expected {WORDS}", file=sys.stderr)
        return 1
    rng = random.Random(SEED)
    draws = {
        "each alike": rng.sample(long_words, WORDS),
        "as products hold them": rng.choices(long_words, [spelling.counts[word] for word in long_words], k=WORDS),
    }
    slips = []
    for drawn, words in draws.items():
        for edits in (1, 2):
            entry = {"drawn": drawn} | corrected_share(words, edits, spelling, leave, SEED + edits)
            slips.append(entry)
            print(
                f"{edits} edit(s), words {drawn:22}: corrected {entry['corrected']:6.1%}, finds the same "
                f"{entry['found']:6.1%}, untouched {entry['untouched']:5.1%}, mean {entry['mean_ms']:.2f} ms, "
                f"p99 {entry['p99_ms']:.2f} ms"
            )

    products = [
        Product.model_validate(record) for record in release.index.records(np.arange(release.manifest.products))
    ]
    held_out = set(rng.sample(range(len(products)), len(products) // 10))
    others = Spelling.of(words_of_products(product for row, product in enumerate(products) if row not in held_out))
    unseen = queries_from_titles([products[row].title for row in sorted(held_out)], QUERIES, seed=SEED)
    queries = queries_from_titles([product.title for product in products], QUERIES, seed=SEED)
    right = [
        {"what": "titles of the catalogue"} | changed_queries(queries, spelling, leave),
        {"what": "titles of products held out"} | changed_queries(unseen, others, leave),
        {"what": "titles of products held out, without the encoder's words"}
        | changed_queries(unseen, others, lambda _: False),
    ]
    for entry in right:
        print(f"{entry['what']}: {entry['changed']:.2%} of {entry['queries']} changed")
    figures = {"words_known": len(spelling.counts), "slips": slips, "right_queries": right}
    print(write_results("spelling", given, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
