"""Other models for a streams role that runs, as `sidecar model swap` asks for them."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from inference.judgement.features import FEATURES
from inference.judgement.judged import Judgement
from inference.judgement.network import CONFIG
from inference.language.tasks import reason_ask
from inference.worker.answered_by import AnsweredBy
from schemas.errors import InputError
from streams.judges import Judges
from streams.metrics import REGISTRY
from streams.settings import Settings
from streams.swapping import LARGEST, SOCKET, Swapping, Wanted, ask
from tests import language_models, ranking_models
from tests.tiny_model import tiny_adapter, tiny_model


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    """Short: a socket's path has a hundred bytes at most."""
    with TemporaryDirectory(prefix="swap-") as made:
        yield Path(made)


def ranker(folder: Path) -> Path:
    folder.mkdir()
    return ranking_models.student(folder)


async def ranked_by(judges: Judges, value: float) -> str:
    return (await judged(judges, value)).partition(" ")[0] or "the rules"


async def judged(judges: Judges, value: float) -> str:
    """The model and its version, empty for the rules."""
    (told,) = await judges.answer([np.full((2, len(FEATURES)), value, np.float32)])
    return f"{told.ranker} {told.version}" if isinstance(told, Judgement) else ""


async def read_by(judges: Judges, text: str) -> AnsweredBy:
    reply = await judges.read(reason_ask(text))
    assert reply
    return reply.by


@pytest.fixture
async def judges(folder: Path) -> AsyncIterator[Judges]:
    started = Judges(Settings(data_folder=folder, ranker="rules", model="rules"))
    await started.start()
    swapping = Swapping(folder, started.swap)
    await swapping.start()
    yield started
    await swapping.stop()
    await started.stop()
    assert not (folder / SOCKET).exists()


async def test_a_process_without_models_is_given_them_and_what_is_not_named_stays(
    judges: Judges, folder: Path, tmp_path: Path
) -> None:
    assert await ranked_by(judges, 1) == "the rules"
    await ask(folder, Wanted(ranker=ranker(tmp_path / "ranker")))
    assert await ranked_by(judges, 1) == "student"
    language_models.model(3).save(tmp_path / "language")
    await ask(folder, Wanted(model=tmp_path / "language"))
    assert await ranked_by(judges, 2) == "student"
    assert REGISTRY.get_sample_value("sidecar_model_swaps_total") == 2


async def test_what_does_not_load_is_refused_and_the_old_one_goes_on(
    judges: Judges, folder: Path, tmp_path: Path
) -> None:
    await ask(folder, Wanted(ranker=ranker(tmp_path / "ranker")))
    with pytest.raises(InputError, match=r"not swapped, the models before go on: .*missing is no model"):
        await ask(folder, Wanted(ranker=tmp_path / "missing"))
    assert await ranked_by(judges, 3) == "student"


async def test_no_list_is_lost_while_models_are_swapped(judges: Judges, folder: Path, tmp_path: Path) -> None:
    await ask(folder, Wanted(ranker=ranker(tmp_path / "one")))
    old = await judged(judges, 10)
    config = ranker(tmp_path / "other") / CONFIG
    config.write_text(config.read_text().replace('"version": "7"', '"version": "8"'))
    swap = asyncio.create_task(ask(folder, Wanted(ranker=tmp_path / "other")))
    number, by = 10, []
    while not swap.done():
        number += 1
        by.append(await judged(judges, number))
    await swap
    by.append(await judged(judges, number + 1))
    assert len(by) > 10
    new = by.index(by[-1])
    assert by[-1].startswith("student 8+")
    assert by == [old] * new + by[-1:] * (len(by) - new), "first the old one, then the new one, and nobody else"


async def test_of_two_swaps_at_once_neither_is_lost(judges: Judges, folder: Path, tmp_path: Path) -> None:
    language_models.model(3).save(tmp_path / "language")
    await asyncio.gather(
        ask(folder, Wanted(ranker=ranker(tmp_path / "ranker"))), ask(folder, Wanted(model=tmp_path / "language"))
    )
    assert await ranked_by(judges, 5) == "student"
    assert (await read_by(judges, "not now")).model == "test"


async def test_a_second_process_leaves_the_socket_of_the_first_alone(
    judges: Judges, folder: Path, tmp_path: Path
) -> None:
    second = Swapping(folder, Judges(Settings()).swap)
    await second.start()
    await second.stop()
    await ask(folder, Wanted(ranker=ranker(tmp_path / "ranker")))
    assert await ranked_by(judges, 6) == "student"


async def test_a_swap_under_way_is_given_up_at_the_end_and_leaves_no_process(folder: Path, tmp_path: Path) -> None:
    judges = Judges(Settings(data_folder=folder, ranker="rules", model="rules"))
    await judges.start()
    swapping = Swapping(folder, judges.swap)
    await swapping.start()
    swap = asyncio.create_task(ask(folder, Wanted(ranker=ranker(tmp_path / "ranker"))))
    await asyncio.sleep(0.1)
    await swapping.stop()
    await judges.stop()
    with pytest.raises(InputError, match="no streams role runs"):
        await swap
    assert judges._worker.pid == 0


async def test_a_server_that_reads_is_not_swapped_for_a_folder(folder: Path) -> None:
    judges = Judges(Settings(model_url="https://models.example/v1", model_name="m"))
    with pytest.raises(InputError, match="a server reads text here"):
        await judges.swap(Wanted(model=folder))
    with pytest.raises(InputError, match="a server reads text here"):
        await judges.swap(Wanted(adapter=folder))


async def test_an_adapter_is_laid_over_the_model_that_runs_while_it_is_asked_and_goes_with_it(
    judges: Judges, folder: Path, tmp_path: Path
) -> None:
    first, second = tiny_model(tmp_path / "first"), tiny_model(tmp_path / "second", seed=5)
    adapter = tiny_adapter(first, tmp_path / "lora")
    with pytest.raises(InputError, match="lora is laid over a model: name the folder of that too"):
        await ask(folder, Wanted(adapter=adapter))
    await ask(folder, Wanted(model=first))
    plain = await read_by(judges, "no reason")
    swap = asyncio.create_task(ask(folder, Wanted(adapter=adapter)))
    number, by = 0, set()
    while not swap.done():
        number += 1
        by.add(await read_by(judges, f"reason {number}"))
    await swap
    assert by <= {plain, (adapted := await read_by(judges, "no reason"))}
    assert number > 5
    assert (plain.model, adapted.model) == ("first", "first+lora")
    assert adapted.version != plain.version
    await ask(folder, Wanted(ranker=ranker(tmp_path / "ranker")))
    assert await read_by(judges, "another reason") == adapted
    await ask(folder, Wanted(model=second))
    assert (await read_by(judges, "no reason")).model == "second"
    await ask(folder, Wanted(model=first, adapter=adapter))
    assert await read_by(judges, "no reason") == adapted


async def test_only_its_owner_may_ask(judges: Judges, folder: Path) -> None:
    assert judges
    assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600


async def test_where_nobody_runs_it_is_said_what_to_do(folder: Path) -> None:
    with pytest.raises(InputError, match="no streams role runs with the data folder .* start `sidecar run`"):
        await ask(folder, Wanted(ranker=folder))


async def test_the_socket_of_a_process_that_was_killed_is_taken_over(folder: Path) -> None:
    (folder / SOCKET).write_text("left over")
    swapping = Swapping(folder, Judges(Settings()).swap)
    await swapping.start()
    with pytest.raises(InputError, match="missing is no model"):
        await ask(folder, Wanted(ranker=folder / "missing"))
    await swapping.stop()


@pytest.mark.parametrize(
    "said", [b"\n", b"{}x\n", b'{"url": "/tmp"}\n', b"\xff\xfe\n", b"a" * (2 * LARGEST) + b"\n"], ids=range(5)
)
async def test_what_is_no_swap_is_refused_and_the_next_is_heard(judges: Judges, folder: Path, said: bytes) -> None:
    assert judges
    reader, writer = await asyncio.open_unix_connection(str(folder / SOCKET))
    writer.write(said)
    answer = await reader.readline()
    writer.close()
    assert not answer or json.loads(answer)["problem"].startswith("not a swap")
    with pytest.raises(InputError, match="missing is no model"):
        await ask(folder, Wanted(ranker=folder / "missing"))


async def test_a_data_folder_too_deep_for_a_socket_is_run_without_swapping(folder: Path) -> None:
    deep = folder / ("d" * 120)
    deep.mkdir()
    swapping = Swapping(deep, Judges(Settings()).swap)
    await swapping.start()
    await swapping.stop()
    with pytest.raises(InputError, match="no streams role runs"):
        await ask(deep, Wanted(ranker=folder))
