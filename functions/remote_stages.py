"""Stages 1 and 3 in their own functions, each with a deadline and the in-process call as its fallback."""

from pydantic import ValidationError

from functions.aws.stage_invoker import StageUnavailable, invoke
from functions.observability import logger
from relevance.contracts.rungs import Degradation
from relevance.contracts.stages import (
    PreprocessRequest,
    RerankRequest,
    RerankResponse,
    UnderstoodQuery,
)
from relevance.errors import ModelFailed
from relevance.query_vectors import WITHOUT_ENDPOINT, QueryVectors
from relevance.release import Release
from relevance.search import InProcess


class RemoteStages:
    """Implements `relevance.search.Stages`; an answer of another release than the open one counts as none."""

    def __init__(
        self,
        release: Release,
        preprocess_function: str,
        rerank_function: str,
        deadline_ms: int,
        vectors: QueryVectors = WITHOUT_ENDPOINT,
    ) -> None:
        self._release_id = release.release_id
        self._ranker = release.scorer
        self._here = InProcess(release, vectors)
        self._preprocess_function = preprocess_function
        self._rerank_function = rerank_function
        self._deadline_ms = deadline_ms

    def understand(self, request: PreprocessRequest) -> UnderstoodQuery:
        """See `Stages`."""
        try:
            answer = invoke(self._preprocess_function, request.model_dump_json(), self._deadline_ms)
            understood = UnderstoodQuery.model_validate(answer)
            if understood.release == self._release_id:
                return understood
            reason = f"it has release {understood.release} open, not {self._release_id}"
        except (StageUnavailable, ValidationError) as error:
            reason = str(error)
        logger.warning("preprocess_query did not serve; computed here", reason=reason)
        understood = self._here.understand(request)
        return understood.model_copy(update={"degraded": (*understood.degraded, "preprocess_query")})

    def rerank(self, request: RerankRequest) -> tuple[RerankResponse, tuple[Degradation, ...]]:
        """See `Stages`."""
        if self._ranker is None:
            raise ModelFailed(f"release {self._release_id} has no ranker")
        try:
            answer = invoke(self._rerank_function, request.model_dump_json(), self._deadline_ms)
            return RerankResponse.model_validate(answer), ()
        except (StageUnavailable, ValidationError) as error:
            logger.warning("rerank did not serve; computed here", reason=str(error))
        answered, lost = self._here.rerank(request)
        return answered, (*lost, "rerank")
