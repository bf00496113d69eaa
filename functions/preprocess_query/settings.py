"""What preprocess_query needs to know of its surroundings."""

from functions.environment import SearchSettings


class PreprocessSettings(SearchSettings):
    """The release, and who may call `/1/analyze`."""
