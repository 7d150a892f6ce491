import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.client import workspace
from schemas.client.alive import Instance, is_alive
from schemas.client.workspace import Workspace, sweep
from schemas.errors import CloneError

WORKER = """
import sys
from pathlib import Path
from schemas.client.workspace import Workspace
made = Workspace(Path(sys.argv[1]), "request")
(made.folder / "clone.duckdb").write_bytes(b"rows")
print("made", flush=True)
sys.stdin.read()
"""


class Worker:
    """Another process that measures the request."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, "-c", WORKER, str(root)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"made\n"

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL
        self.process.communicate()


def test_a_workspace_is_its_users_alone_and_gone_after_use(tmp_path: Path) -> None:
    root = tmp_path / "clones"
    made = Workspace(root, "request")
    (made.folder / "clone.duckdb").touch()
    assert [oct(folder.stat().st_mode & 0o777) for folder in (root, made.folder)] == ["0o700", "0o700"]
    assert made.remove()
    assert not made.folder.exists()
    Workspace(root, "request").remove()


def test_a_workspace_that_will_not_go_is_said_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Workspace(tmp_path, "request")
    monkeypatch.setattr(workspace.shutil, "rmtree", lambda *_, **__: None)
    assert not made.remove()


def test_what_a_killed_process_left_is_deleted_and_its_request_is_known(tmp_path: Path) -> None:
    Worker(tmp_path).kill()
    assert (tmp_path / "request" / "clone.duckdb").exists()
    sweep(tmp_path)
    assert list((tmp_path / "request").iterdir()) == []
    with pytest.raises(CloneError, match="the process ended while it measured this request"):
        Workspace(tmp_path, "request")
    Workspace(tmp_path, "request").remove()


def test_what_a_living_process_works_on_is_left_alone(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    sweep(tmp_path)
    assert (tmp_path / "request" / "clone.duckdb").read_bytes() == b"rows"
    with pytest.raises(CloneError, match="another process of this product measures this request already"):
        Workspace(tmp_path, "request")
    worker.kill()


def test_what_this_process_works_on_is_left_alone(tmp_path: Path) -> None:
    made = Workspace(tmp_path, "request")
    (made.folder / "clone.duckdb").touch()
    sweep(tmp_path)
    assert (made.folder / "clone.duckdb").exists()
    made.remove()


def test_a_forked_child_does_not_keep_its_parents_workspace(tmp_path: Path) -> None:
    made = Workspace(tmp_path, "request")
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(write)
        os.read(read, 1)  # until the parent has looked
        os._exit(0)
    os.close(read)
    made._owner.release()
    assert not is_alive(made.folder / workspace.OWNER)
    os.close(write)
    os.waitpid(child, 0)


def test_the_mark_of_a_request_is_forgotten_after_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "request").mkdir()
    sweep(tmp_path)
    assert (tmp_path / "request").exists()
    monkeypatch.setattr(workspace, "FORGOTTEN_S", -1.0)
    sweep(tmp_path)
    assert not (tmp_path / "request").exists()


def test_instances_are_counted_while_they_live(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from schemas.client.alive import Instance; "
        "one = Instance(Path(sys.argv[1]), 'other'); print('here', flush=True); sys.stdin.read()"
    )
    own = Instance(tmp_path / "instances", "own")
    assert own.count() == 1
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "instances")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"here\n"
    assert own.count() == 2
    other.kill()
    other.communicate()
    assert own.count() == 1
    assert [file.name for file in (tmp_path / "instances").iterdir()] == ["own"]
    own.release()
