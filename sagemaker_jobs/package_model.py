"""Pack what the endpoint serves: the large encoder, and the teacher and the model of shoppers where there are such.

    python -m sagemaker_jobs.package_model --output <folder> [--encoder <train_encoder's>] [--teacher <train_teacher's>]
        [--shopper <train_shopper's>] [--int8]

All three are optional: without an encoder the original all-MiniLM-L6-v2 is packed. Writes `encoder/`, `teacher/` and
`shopper/`, `golden.json` (texts and pairs with what torch makes of them) and at last `manifest.json`, which names every
file by content. The folder is opened as the endpoint opens it, and must give the golden vectors again, before it gets
its name. Ends with 0, or with 1 and the cause.
"""

import argparse
import copy
import importlib.metadata
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from models.cross_encoder import CrossEncoder, CrossEncoderManifest
from models.smoothing import smooth
from models.text_encoder import BroughtTokeniser, TextEncoder, original_folder
from relevance.contracts.models import ShopperManifest, TorchEncoderManifest
from relevance.contracts.served import (
    Golden,
    GoldenAgreement,
    GoldenPair,
    GoldenText,
    LargeModelManifest,
    Precision,
    ServedEncoder,
)
from relevance.encoder import QUERY_TOKENS
from relevance.errors import ReleaseRefused, VitrineError
from relevance.product_text import PRODUCT_TOKENS
from relevance.recommenders import NextPurchases
from relevance.release_files import MANIFEST, file_entry
from relevance.wordpiece import WordPiece
from sagemaker_jobs.folders import PROJECT, model_folder, optional_channel
from sagemaker_jobs.job import git_commit, replace_file, run, say
from sagemaker_jobs.onnx_encoder import export_fp32, export_teacher, longest, quantise
from sagemaker_jobs.serve.large_model import ENCODER, GOLDEN, GRAPHS, SHOPPER, TEACHER, LargeModel
from sagemaker_jobs.serve.tokeniser import BROUGHT, VOCABULARY

GOLDEN_QUERIES = (
    "laptop",
    "usb c hub",
    "HP 304XL black ink cartridge",
    '15.6" gaming notebook 16 GB',
    "écran tactile",
    "",
)
GOLDEN_PRODUCTS = (
    "Kingston DataTraveler 64GB USB 3.0 flash drive",
    "A4 paper 80 g/m² 500 sheets",
    "Monitor arm for two screens. " + "Steel, black, holds up to 9 kg. " * 12,
    "跑步鞋 wireless マウス",
    "x",
)
"""Short and long ones, such as are cut, and such as hold letters that a vocabulary may not know."""
GOLDEN_PAIRS = (
    ("usb c hub", "Kingston DataTraveler 64GB USB 3.0 flash drive"),
    ("monitor arm", "Monitor arm for two screens. " + "Steel, black, holds up to 9 kg. " * 12),
    ("fan " * 30, "Cedar table fan"),
    ("", "x"),
)
_CALIBRATION = PROJECT / "models" / "parity_texts.txt"
_APACHE, _ORIGINAL = "Apache-2.0", "sentence-transformers/all-MiniLM-L6-v2, as it was published"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("package_model", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    manifest = package_model(
        given.output or model_folder(),
        encoder=optional_channel("encoder", given.encoder),
        teacher=optional_channel("teacher", given.teacher),
        shopper=optional_channel("shopper", given.shopper),
        int8=given.int8,
    )
    say(f"{manifest.encoder.encoder_id}: {manifest.agreement.model_dump_json()}")


def package_model(
    output: Path,
    *,
    encoder: Path | None = None,
    teacher: Path | None = None,
    shopper: Path | None = None,
    int8: bool = False,
) -> LargeModelManifest:
    """Write the served folder; `output` has no manifest before all else lies there and was checked.

    Args:
        output: Where.
        encoder: What `train_encoder` wrote, or an encoder of Hugging Face's; None for the original.
        teacher: What `train_teacher` wrote; None for none.
        shopper: What `train_shopper` wrote; one that holds only a report, of a shop without purchases, counts as none.
        int8: Also write the encoder in eight bits, for processors.

    Raises:
        VitrineError: If a part is missing or damaged, or cannot be served; the message names both sides.
    """
    torch_encoder = TextEncoder.load(encoder or original_folder())
    torch_teacher = None if teacher is None else CrossEncoder.load(teacher)
    shoppers = None if shopper is None or not (shopper / MANIFEST).is_file() else _shopper_manifest(shopper)
    if shoppers and shoppers.space != torch_encoder.space:
        raise ReleaseRefused(
            f"the shopper model {shoppers.shopper_model_id} gives vectors of {shoppers.space}, the encoder "
            f"{torch_encoder.encoder_id} of {torch_encoder.space}"
        )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".part") as unfinished:
        folder = Path(unfinished)
        served = write_encoder(torch_encoder, folder / ENCODER, int8=int8)
        if torch_teacher is not None:
            say("writing the teacher")
            (folder / TEACHER).mkdir()
            export_teacher(torch_teacher, folder / TEACHER / "model.onnx")
            shutil.copy(torch_teacher.vocabulary, folder / TEACHER / VOCABULARY)
        if shopper is not None and shoppers:
            (folder / SHOPPER).mkdir()
            for name in (MANIFEST, *shoppers.files):
                shutil.copy(shopper / name, folder / SHOPPER / name)
        (folder / GOLDEN).write_text(lines_of(golden_of(torch_encoder, torch_teacher)), encoding="utf-8")
        about = _encoder_manifest(encoder)
        manifest = LargeModelManifest(
            encoder=served,
            teacher_id=_teacher_id(teacher),
            shopper_model_id=shoppers and shoppers.shopper_model_id,
            agreement=GoldenAgreement(cosine_min={}),
            files={
                path.relative_to(folder).as_posix(): file_entry(path)
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
            derived_from=about.derived_from if about else _ORIGINAL if encoder is None else str(served.encoder_id),
            licence=about.licence if about else _APACHE if encoder is None else "that of the encoder",
            git_commit=git_commit(),
            made_at=datetime.now(UTC).replace(microsecond=0),
            versions={"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in ("torch", "transformers", "onnx", "onnxruntime")},
        )
        manifest = manifest.model_copy(update={"agreement": _agreement(folder, manifest)})
        (output / MANIFEST).unlink(missing_ok=True)
        for part in (ENCODER, TEACHER, SHOPPER):
            shutil.rmtree(output / part, ignore_errors=True)
        for name in manifest.files:
            (output / name).parent.mkdir(exist_ok=True)
            (folder / name).replace(output / name)
    replace_file(output / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")
    return manifest


def write_encoder(encoder: TextEncoder, folder: Path, *, int8: bool) -> ServedEncoder:
    """The graph, in eight bits too where that is wished, and the tokeniser.

    Raises:
        VitrineError: If the tokeniser cannot be had as one file.
    """
    folder.mkdir(parents=True)
    say(f"writing {encoder.encoder_id}")
    export_fp32(encoder, folder / GRAPHS["fp32"])
    precisions: tuple[Precision, ...] = ("fp32",)
    if int8:
        say("writing it in eight bits")
        smoothed = copy.deepcopy(encoder)
        texts = _CALIBRATION.read_text(encoding="utf-8").splitlines()
        smooth(smoothed, (smoothed.tokenised([text], max_tokens=_most(encoder, PRODUCT_TOKENS)) for text in texts))
        with tempfile.TemporaryDirectory() as scratch:
            plain = Path(scratch) / GRAPHS["fp32"]
            export_fp32(smoothed, plain)
            quantise(plain, folder / GRAPHS["int8"])
        precisions = ("fp32", "int8")
    if encoder.vocabulary is not None:
        shutil.copy(encoder.vocabulary, folder / VOCABULARY)
    elif isinstance(encoder.tokeniser, BroughtTokeniser):
        with tempfile.TemporaryDirectory() as scratch:
            encoder.tokeniser.save(Path(scratch))
            if not (Path(scratch) / BROUGHT).is_file():
                raise VitrineError(f"{encoder.encoder_id} has a tokeniser without a {BROUGHT}: it cannot be served")
            shutil.copy(Path(scratch) / BROUGHT, folder / BROUGHT)
    if not isinstance(encoder.tokeniser, WordPiece | BroughtTokeniser):
        raise VitrineError(f"{encoder.encoder_id} has a tokeniser that is no file: it cannot be served")
    return ServedEncoder(
        encoder_id=encoder.encoder_id,
        space=encoder.space,
        dimension=encoder.dimension,
        query_tokens=_most(encoder, QUERY_TOKENS),
        product_tokens=_most(encoder, PRODUCT_TOKENS),
        padding=encoder.tokeniser.padding,
        query_prefix=encoder.query_prefix,
        product_prefix=encoder.product_prefix,
        precisions=precisions,
    )


def golden_of(encoder: TextEncoder, teacher: CrossEncoder | None) -> Golden:
    """What torch makes of the golden texts and pairs, in single precision."""
    texts = [
        GoldenText(task=task, text=text, vector=tuple(round(float(x), 5) for x in vector))
        for task, chosen, prefix, tokens in (
            ("encode_query", GOLDEN_QUERIES, encoder.query_prefix, QUERY_TOKENS),
            ("encode_product", GOLDEN_PRODUCTS, encoder.product_prefix, PRODUCT_TOKENS),
        )
        for text, vector in zip(
            chosen,
            encoder.encode(chosen, max_tokens=_most(encoder, tokens), prefix=prefix, exact=True),
            strict=True,
        )
    ]
    pairs: tuple[GoldenPair, ...] = ()
    if teacher is not None:
        with torch.inference_mode():
            scores = teacher(*teacher.tokenised(GOLDEN_PAIRS))
        pairs = tuple(
            GoldenPair(query=query, product=product, score=round(score, 5))
            for (query, product), score in zip(GOLDEN_PAIRS, scores.tolist(), strict=True)
        )
    return Golden(texts=tuple(texts), pairs=pairs)


def lines_of(golden: Golden) -> str:
    """JSON with a line for each text and each pair, so that a change shows where it is."""
    parts = (
        f'"{name}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
        for name, rows in golden.model_dump(mode="json").items()
    )
    return "{" + ",\n".join(parts) + "}\n"


def _most(encoder: TextEncoder, tokens: int) -> int:
    return min(tokens, longest(encoder))


def _agreement(folder: Path, manifest: LargeModelManifest) -> GoldenAgreement:
    """What the folder gives of the golden vectors, opened in each precision as the endpoint opens it."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    found = [LargeModel.load(folder, precision=precision).check() for precision in manifest.encoder.precisions]
    (folder / MANIFEST).unlink()
    return GoldenAgreement(
        cosine_min={precision: cosine for one in found for precision, cosine in one.cosine_min.items()},
        score_difference_max=found[0].score_difference_max,
    )


def _encoder_manifest(folder: Path | None) -> TorchEncoderManifest | None:
    path = folder and folder / MANIFEST
    return TorchEncoderManifest.model_validate_json(path.read_bytes()) if path and path.is_file() else None


def _teacher_id(folder: Path | None) -> str | None:
    if folder is None:
        return None
    return CrossEncoderManifest.model_validate_json((folder / MANIFEST).read_bytes()).cross_encoder_id


def _shopper_manifest(folder: Path) -> ShopperManifest:
    NextPurchases.load(folder)  # which says what is wrong with it
    return ShopperManifest.model_validate_json((folder / MANIFEST).read_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.package_model", description=__doc__)
    for name in ("encoder", "teacher", "shopper"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}, or none")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--int8", action="store_true", help="also write the encoder in eight bits, for processors")
    return parser


if __name__ == "__main__":
    sys.exit(main())
