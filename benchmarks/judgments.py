"""People's ratings of Icecat products for shop queries (given to the Chorus community); never used to train a model."""

from pathlib import Path

from relevance import judgments
from relevance.judgments import Judgments, usable

__all__ = ["FILE", "Judgments", "read_judgments", "usable"]

FILE = f"chorus/{judgments.FILE}"


def read_judgments(data: Path) -> Judgments:
    """All judged queries; raises VitrineError if `data` holds none, or what is there is no table of ratings."""
    return judgments.read_judgments(data / FILE)
