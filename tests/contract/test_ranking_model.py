"""The model as the streams role has it: a worker of its own, and the rules where it cannot answer."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from inference.judgement.features import FEATURES
from schemas.errors import ModelError
from streams.metrics import REGISTRY
from streams.ranking import RankingModel
from tests import ranking_models


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[RankingModel]:
    made = RankingModel(ranking_models.student(tmp_path))
    await made.start()
    yield made
    await made.stop()


def requests(outcome: str) -> float:
    return REGISTRY.get_sample_value("sidecar_model_requests_total", {"kind": "rank", "outcome": outcome}) or 0.0


async def test_lists_are_ranked_in_their_order_and_counted(model: RankingModel) -> None:
    lists = [np.full((count, len(FEATURES)), count, np.float32) for count in (2, 5)]
    found = await model.rank(lists)
    assert [(one.ranker, len(one.ranking.gain)) for one in found if one] == [("student", 2), ("student", 5)]
    assert requests("answered") == 2
    assert await model.rank(lists[:1]) is not None
    assert (requests("answered"), requests("cached")) == (2, 1)
    assert REGISTRY.get_sample_value("sidecar_model_seconds_count", {"kind": "rank"}) == 3


async def test_what_the_model_cannot_rank_is_left_to_the_rules_and_the_rest_goes_on(model: RankingModel) -> None:
    wrong, right = np.zeros((2, 3), np.float32), np.zeros((2, len(FEATURES)), np.float32)
    found = await model.rank([wrong, right])
    assert [one is None for one in found] == [True, False]
    os.kill(model._worker.pid, signal.SIGKILL)
    assert [one is None for one in await model.rank([right + 1])] == [False], "the next worker answers"
    assert REGISTRY.get_sample_value("sidecar_model_restarts_total", {"why": "ended"}) == 1


async def test_without_a_model_there_is_nothing_to_tell_and_a_wrong_folder_does_not_start(tmp_path: Path) -> None:
    model = RankingModel(tmp_path / "missing")
    with pytest.raises(ModelError, match="missing is no model: "):
        await model.start()
    await model.stop()
    assert "sidecar_model_swaps_total" not in {one.name for one in REGISTRY.collect()}
