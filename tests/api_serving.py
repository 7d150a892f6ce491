"""The API of a control process in the test, served by a thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.sending import Sending
from streams.web import serving
from streams.web.callers import Callers
from streams.web.probes import Readiness
from streams.web.source import Source
from tests.control_running import CODEC, WAIT_S, Running, Topics


@contextmanager
def api_of(control: Running, topics: Topics, data_folder: Path) -> Iterator[str]:
    """Its URL; the local key is in the data folder."""
    source, sending = Source(), Sending(topics.config, topics.prefix, CODEC)
    source.begin(control.control, sending)
    app = serving.routes(Readiness("control"), source, Callers(data_folder))
    bound = serving.bind("127.0.0.1", 0)
    stop: asyncio.Future[None] | None = None
    begun = threading.Event()

    async def serve() -> None:
        nonlocal stop
        stop = asyncio.get_running_loop().create_future()
        async with serving.serving(app, bound):
            begun.set()
            await stop

    thread = threading.Thread(target=asyncio.run, args=[serve()], daemon=True)
    thread.start()
    assert begun.wait(WAIT_S)
    assert stop
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        stop.get_loop().call_soon_threadsafe(stop.set_result, None)
        thread.join(WAIT_S)
        sending.close()
