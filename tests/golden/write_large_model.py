"""Write `large_model.json`: what torch makes of the golden texts and pairs with all-MiniLM-L6-v2.

    python -m tests.golden.write_large_model

The teacher is all-MiniLM-L6-v2 with an output that was never taught, drawn by a seed: what it says of a pair means
nothing, and is the same everywhere.
"""

from pathlib import Path

import torch

from models.cross_encoder import CrossEncoder
from models.text_encoder import TextEncoder, original_folder
from sagemaker_jobs.package_model import golden_of, lines_of

FILE = Path(__file__).with_name("large_model.json")


def an_untaught_teacher() -> CrossEncoder:
    torch.manual_seed(0)
    return CrossEncoder.from_encoder(original_folder())


def main() -> None:
    golden = golden_of(TextEncoder.load(original_folder()), an_untaught_teacher())
    FILE.write_text(lines_of(golden), encoding="utf-8")


if __name__ == "__main__":
    main()
