"""What assemble_results, the front door, needs to know of its surroundings."""

from typing import Literal

from functions.environment import SearchSettings


class AssembleSettings(SearchSettings):
    """The release, the keys, and where the stages of a search run."""

    search_path: Literal["in_process", "functions"] = "in_process"
    """Whether stages 1 (understand) and 3 (rerank) run here or in their own functions."""
    preprocess_function: str = ""
    """Name of the preprocess_query function; read when `search_path` is `functions`."""
    rerank_function: str = ""
    """Name of the rerank function; read when `search_path` is `functions`."""
    stage_deadline_ms: int = 250
    """How long the front door waits for one of them before it computes the stage itself."""
