"""The networks of a served folder, open: what `sagemaker_jobs.package_model` wrote, run by ONNX Runtime."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import ValidationError

from relevance.arrays import Matrix, Vector
from relevance.contracts.large_model import Purchase
from relevance.contracts.served import (
    LEAST_COSINE,
    MOST_SCORE_DIFFERENCE,
    Golden,
    GoldenAgreement,
    LargeModelManifest,
    Precision,
)
from relevance.errors import FileDamaged, ModelFailed, ReleaseRefused
from relevance.onnx_session import Provider, Session, open_session, run_session
from relevance.pairs import LENGTH_STEP, Pair, pad_pairs, pair_tokens
from relevance.recommenders import Bought, NextPurchases
from relevance.release_files import MANIFEST, file_entry
from relevance.wordpiece import Tokeniser, WordPiece
from sagemaker_jobs.serve.tokeniser import open_tokeniser

ENCODER, TEACHER, SHOPPER, GOLDEN = "encoder", "teacher", "shopper", "golden.json"
GRAPHS: dict[Precision, str] = {"fp32": "model.onnx", "int8": "int8.onnx"}

Kind = Literal["encode_query", "encode_product"]
_KINDS: tuple[Kind, ...] = ("encode_query", "encode_product")


class LargeModel:
    """An encoder, and a teacher and a model of shoppers where the folder has them. One thread at a time asks it."""

    def __init__(
        self,
        manifest: LargeModelManifest,
        golden: Golden,
        precision: Precision,
        encoder: tuple[Session, Tokeniser],
        teacher: tuple[Session, WordPiece] | None,
        shoppers: NextPurchases | None,
        threads: int,
    ) -> None:
        self.manifest = manifest
        self.precision: Precision = precision
        self._golden = golden
        self._encoder = encoder
        self._teacher = teacher
        self._shoppers = shoppers
        # Eight bits are scaled by the largest activation of a batch: a text has the same vector alone only.
        self._alone = ThreadPoolExecutor(threads) if precision == "int8" else None

    @classmethod
    def load(cls, folder: Path, *, provider: Provider = "cpu", precision: Precision = "fp32", threads: int = 1) -> Self:
        """Open a served folder after every file was checked.

        Args:
            folder: What `sagemaker_jobs.package_model` wrote.
            provider: What the encoder and the teacher run on.
            precision: Of the encoder; `int8` is for a processor.
            threads: Of a processor, for one batch.

        Raises:
            ReleaseRefused: If the folder has no manifest that is understood, lacks the precision, or a part does not
                open; the message names both sides.
            FileDamaged: If a file is missing, or is not the one that the manifest names.
        """
        manifest = _checked_manifest(folder)
        described = manifest.encoder
        if precision not in described.precisions:
            held = ", ".join(described.precisions)
            raise ReleaseRefused(f"encoder {described.encoder_id}: asked for in {precision}, the folder holds {held}")
        if (provider, precision) == ("cuda", "int8"):
            raise ReleaseRefused("int8 on cuda: no GPU runs these eight bits, expected fp32 on cuda, or int8 on cpu")
        try:
            golden = Golden.model_validate_json((folder / GOLDEN).read_bytes())
            tokeniser = open_tokeniser(folder / ENCODER, described.padding)
            teachers_words = WordPiece.load(folder / TEACHER / "vocab.txt") if manifest.teacher_id else None
        except Exception as error:  # tokenizers raises Exception itself
            raise ReleaseRefused(f"large model in {folder}: {error}") from error
        encoder = open_session(
            folder / ENCODER / GRAPHS[precision],
            threads=1 if precision == "int8" else threads,
            optimised=precision == "int8",
            provider=provider,
        )
        found = encoder.get_outputs()[0].shape[-1]
        if found != described.dimension:
            raise ReleaseRefused(
                f"encoder {described.encoder_id}: {GRAPHS[precision]} has {found} dimensions, its manifest "
                f"{described.dimension}"
            )
        teacher = None
        if teachers_words:
            graph = open_session(folder / TEACHER / "model.onnx", threads=threads, provider=provider)
            teacher = (graph, teachers_words)
        shoppers = NextPurchases.load(folder / SHOPPER) if manifest.shopper_model_id else None
        return cls(manifest, golden, precision, (encoder, tokeniser), teacher, shoppers, threads)

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be asked, by the names of `relevance.contracts.large_model`."""
        optional = {"score": self._teacher, "encode_shopper": self._shoppers}
        return ("encode_query", "encode_product", *(task for task, part in optional.items() if part is not None))

    def encode(self, texts: Sequence[str], kind: Kind) -> Matrix:
        """Shape (n, d), rows of length 1; texts of like length are read together.

        Raises:
            ModelFailed: If the network does not answer with numbers.
        """
        described = self.manifest.encoder
        session, tokeniser = self._encoder
        if kind == "encode_query":
            prefix, most = described.query_prefix, described.query_tokens
        else:
            prefix, most = described.product_prefix, described.product_tokens
        tokens = [tokeniser.encode(prefix + text, max_tokens=most) for text in texts]

        def run(rows: Sequence[int]) -> Matrix:
            token_ids, mask = tokeniser.pad([tokens[row] for row in rows])
            return run_session(session, {"token_ids": token_ids, "mask": mask})

        vectors = np.empty((len(texts), described.dimension), dtype=np.float32)
        if self._alone:
            for row, vector in enumerate(self._alone.map(run, ([row] for row in range(len(texts))))):
                vectors[row] = vector[0]
            return vectors
        for rows in _of_like_length([len(numbers) for numbers in tokens]):
            vectors[rows] = run(rows)
        return vectors

    def score(self, pairs: Sequence[Pair]) -> Vector:
        """Shape (n,), higher is a better answer; the folder has a teacher.

        Raises:
            ModelFailed: If the network does not answer with numbers.
        """
        if self._teacher is None:
            raise ValueError("score was asked, the folder has no teacher")
        session, words = self._teacher
        tokens = [pair_tokens(words, pair) for pair in pairs]
        scores = np.empty(len(pairs), dtype=np.float32)
        for rows in _of_like_length([pair.length for pair in tokens]):
            inputs = zip(
                ("token_ids", "segments", "mask"), pad_pairs(words, [tokens[row] for row in rows]), strict=True
            )
            scores[rows] = run_session(session, dict(inputs))
        return scores

    def taste(self, purchases: Sequence[Purchase]) -> Vector | None:
        """Shape (d,), of length 1; None where nothing that was bought is known. The folder has a model of shoppers."""
        if self._shoppers is None:
            raise ValueError("encode_shopper was asked, the folder has no model of shoppers")
        return self._shoppers.taste([Bought(purchase.product_id, purchase.age_days) for purchase in purchases])

    def probe(self) -> None:
        """A short run of each network.

        Raises:
            ModelFailed: If one does not answer with numbers.
        """
        self.encode(["lamp"], "encode_query")
        if self._teacher:
            self.score([("lamp", "A lamp")])

    def check(self) -> GoldenAgreement:
        """Hold it against the golden vectors and scores; the networks have run once when this is through.

        Raises:
            ModelFailed: If a vector or a score is further off than is tolerated; the message names the text.
        """
        cosines = {}
        for kind in _KINDS:
            rows = [row for row in self._golden.texts if row.task == kind]
            vectors = self.encode([row.text for row in rows], kind)
            for row, vector in zip(rows, vectors, strict=True):
                cosines[row.text] = float(vector @ np.array(row.vector, dtype=np.float32))
        worst = min(cosines, key=lambda text: cosines[text])
        if not cosines[worst] >= LEAST_COSINE[self.precision]:
            raise ModelFailed(
                f"encoder {self.manifest.encoder.encoder_id} in {self.precision}: the vector of {worst!r} has cosine "
                f"{cosines[worst]:.5f} to the golden one, expected at least {LEAST_COSINE[self.precision]}"
            )
        return GoldenAgreement(
            cosine_min={self.precision: round(cosines[worst], 6)}, score_difference_max=self._check_scores()
        )

    def _check_scores(self) -> float | None:
        if self._teacher is None:
            return None
        pairs = self._golden.pairs
        if not pairs:
            raise ModelFailed(f"teacher {self.manifest.teacher_id}: {GOLDEN} holds no pair to hold it against")
        scores = self.score([(pair.query, pair.product) for pair in pairs])
        off = float(np.abs(scores - np.array([pair.score for pair in pairs], dtype=np.float32)).max())
        if not off <= MOST_SCORE_DIFFERENCE:
            raise ModelFailed(
                f"teacher {self.manifest.teacher_id}: a score is {off:.4f} off the golden one, expected at most "
                f"{MOST_SCORE_DIFFERENCE}"
            )
        return round(off, 6)


def _of_like_length(lengths: Sequence[int]) -> Iterable[list[int]]:
    """Rows whose lengths are the same when rounded up to a LENGTH_STEP, so that little of a batch is padding."""

    def step(row: int) -> int:
        return -(-lengths[row] // LENGTH_STEP)

    return (list(rows) for _, rows in groupby(sorted(range(len(lengths)), key=step), key=step))


def _checked_manifest(folder: Path) -> LargeModelManifest:
    try:
        manifest = LargeModelManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise ReleaseRefused(f"large model in {folder}: {error}") from error
    for name, promised in manifest.files.items():
        path = folder / name
        found = file_entry(path) if path.is_file() else "missing"
        if found != promised:
            raise FileDamaged(f"large model in {folder}: {name} is {found}, its manifest says {promised}")
    return manifest
