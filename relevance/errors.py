"""Every error that this package raises on purpose.

VitrineError
├── BadRequest            a caller sent something that cannot be answered (4xx)
├── CatalogueError        a product cannot be taken in
├── ModelFailed           an open model did not give an answer; the search goes on without it
├── NoRelease             no release could be opened at all: the only reason for a search to be answered 503
└── ReleaseRefused        a release must not serve
    ├── FileDamaged       a file is missing, shorter than promised, or hashes to something else
    └── FeatureMismatch   its ranker was trained on other features than this code computes
"""


class VitrineError(Exception):
    """An error whose message is meant for the person who caused it."""


class BadRequest(VitrineError):
    """A request that cannot be answered; the message names the field, the value and what was expected."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class CatalogueError(VitrineError):
    """A product, or a line that should be one, that cannot be taken in."""


class ModelFailed(VitrineError):
    """A model gave no answer, or one that is no number; what it was to add is left out."""


class NoRelease(VitrineError):
    """No release could be opened at all."""


class ReleaseRefused(VitrineError):
    """A release that must not serve; the one before it stays."""


class FileDamaged(ReleaseRefused):
    """A file of a release is missing, has another size, or has another sha256 than its manifest says."""


class FeatureMismatch(ReleaseRefused):
    """A ranker was trained on other features, or in another order, than this code computes."""
