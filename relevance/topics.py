"""What queries are about: some dozens of directions in the space of their vectors, which nobody has to name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from relevance.arrays import Matrix, Rows, Vector
from relevance.text import words

BASELINE: Final = "baseline"
"""Where a release carries what it knows of the traffic that it was made for."""
TOPICS: Final = "topics.npy"
DESCRIBED_BY: Final = 3
"""Words."""
_ROUNDS = 30
_SHORTEST_WORD = 3
_LEAST_TITLES = 0.05
"""Part of a topic's titles that must hold a word before it describes the topic, in [0, 1]."""


@dataclass(frozen=True)
class Topics:
    """Directions; a query is about the one that it is nearest to."""

    centres: Matrix
    """Shape (k, d), rows of length 1."""

    @classmethod
    def learn(cls, vectors: Matrix, weights: Vector, most: int, seed: int) -> Self:
        """Spherical k-means.

        Args:
            vectors: Shape (n, d), n > 0, rows of length 1.
            weights: Shape (n,), above 0: how often each counts.
            most: Topics at most; fewer where fewer vectors differ.
            seed: Of the first centres; the same vectors and seed give the same topics.

        Source:
            Dhillon and Modha, Concept Decompositions for Large Sparse Text Data Using Clustering, Machine Learning
            2001; first centres after Arthur and Vassilvitskii, k-means++, SODA 2007.
        """
        generator = np.random.default_rng(seed)
        centres = vectors[[int(generator.choice(len(vectors), p=weights / weights.sum()))]]
        while len(centres) < most:
            apart = weights * np.clip(1 - (vectors @ centres.T).max(axis=1), 0, None)
            apart[apart < 1e-5 * weights] = 0  # the very same text, but for rounding
            if not apart.any():
                break
            centres = np.vstack((centres, vectors[int(generator.choice(len(vectors), p=apart / apart.sum()))]))
        for _ in range(_ROUNDS):
            nearest = (vectors @ centres.T).argmax(axis=1)
            sums = np.zeros_like(centres)
            np.add.at(sums, nearest, vectors * weights[:, np.newaxis])
            lengths = np.linalg.norm(sums, axis=1, keepdims=True)
            moved = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), centres)  # one that lost all stays
            if np.allclose(moved, centres, atol=1e-6):
                break
            centres = moved
        return cls(_kept(centres))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(np.load(folder / TOPICS).astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write into an existing folder, in half precision."""
        np.save(folder / TOPICS, self.centres.astype(np.float16))

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.centres.shape[1])

    def __len__(self) -> int:
        return len(self.centres)

    def nearest(self, vector: Vector) -> tuple[int, float]:
        """The topic of a query's vector, shape (d,), and the cosine with its centre."""
        cosines = self.centres @ vector
        topic = int(cosines.argmax())
        return topic, float(cosines[topic])

    def nearest_of(self, vectors: Matrix) -> Rows:
        """Shape (n,): the topic of each vector; shape (n, d)."""
        return np.asarray((vectors @ self.centres.T).argmax(axis=1), dtype=np.int64)


def _kept(centres: Matrix) -> Matrix:
    """As a file will give them back, so that who learnt them and who reads them agree on every query."""
    return centres.astype(np.float16).astype(np.float32)


def described(titles_by_topic: Mapping[int, Sequence[str]]) -> dict[int, tuple[str, ...]]:
    """The words that tell each topic's products from those of the others, at most DESCRIBED_BY of each.

    Args:
        titles_by_topic: Of products that are found for a topic's queries: what products are called, never what
            shoppers typed.

    >>> described({0: ["red lamp", "desk lamp"], 1: ["red kettle"]})[0]
    ('lamp', 'desk')
    """
    holding = {topic: _titles_by_word(titles) for topic, titles in titles_by_topic.items()}
    everywhere = Counter[str]()
    for counts in holding.values():
        everywhere.update(counts)
    titles = sum(map(len, titles_by_topic.values()))
    found = {}
    for topic, counts in holding.items():
        own = len(titles_by_topic[topic])
        telling = {
            word: count / own * np.log((count / own) / (everywhere[word] / titles))
            for word, count in counts.items()
            if count >= _LEAST_TITLES * own and count / own > everywhere[word] / titles
        }
        found[topic] = tuple(sorted(telling, key=lambda word: (-telling[word], word))[:DESCRIBED_BY])
    return found


def _titles_by_word(titles: Iterable[str]) -> Counter[str]:
    """In how many titles each word stands; numbers and very short words describe nothing."""
    return Counter(
        word
        for title in titles
        for word in dict.fromkeys(words(title))
        if len(word) >= _SHORTEST_WORD and word.isalpha()
    )
