from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from inference.worker.client import Worker
from inference.worker.life import Limits, Models
from tests.worker_child import COMMAND


@pytest.fixture
async def begin() -> AsyncIterator[Callable[..., Awaitable[Worker]]]:
    """A worker with the stub of a folder."""
    async with AsyncExitStack() as workers:

        async def start(folder: Path, **limits: float) -> Worker:
            made = Worker(Models(ranker=folder), Limits(**limits), COMMAND)  # type: ignore[arg-type]
            return await workers.enter_async_context(made)

        yield start
