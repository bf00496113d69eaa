"""What rerank needs to know of its surroundings."""

from functions.environment import SearchSettings


class RerankSettings(SearchSettings):
    """The release, and who may call `/1/rerank`."""
