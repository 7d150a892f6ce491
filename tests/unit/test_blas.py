"""Which BLAS is taken: the system's, the wheel's, or none. Nothing is loaded into this process but by the last test."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from inference.worker import blas

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX brings what it needs")


class Loads:
    """Stands in for `ctypes.CDLL`: has the libraries whose names hold one of `there`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
        self.there = there
        self.asked: list[str] = []
        monkeypatch.setattr(ctypes, "CDLL", self)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def __call__(self, name: str, mode: int) -> object:
        assert mode == ctypes.RTLD_GLOBAL
        self.asked.append(Path(name).name.split("-")[0].split(".")[0])
        if not any(one in name for one in self.there):
            raise OSError(name)
        return type("Library", (), {"cblas_sgemm": 1} if "openblas" in name else {})()


def test_the_systems_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch, "libopenblas.so.0")
    assert blas.load_blas() == "libopenblas.so.0"
    assert loads.asked == ["libopenblas"]


@LINUX
def test_else_the_wheels_after_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch, "faiss_cpu.libs")
    found = blas.load_blas()
    assert found is not None
    assert found.startswith("faiss-cpu: libopenblas")
    assert loads.asked[2:] == ["libquadmath", "libgomp", "libgfortran", "libopenblaso"]


@pytest.mark.parametrize("wheel", ["faiss-cpu", "no-such-wheel"])
def test_where_there_is_none_it_is_said(monkeypatch: pytest.MonkeyPatch, wheel: str) -> None:
    Loads(monkeypatch)
    monkeypatch.setattr(blas, "WHEEL", wheel)
    assert blas.load_blas() is None
    assert "13 to 30 times slower" in blas.SLOW


def test_on_apple_machines_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = Loads(monkeypatch)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert blas.load_blas() == "of the system"
    assert loads.asked == []


@LINUX
def test_what_was_loaded_is_what_mlx_calls() -> None:
    """Of two libraries with the same symbol the loader gives everybody the first; the reference BLAS comes later."""
    code = """
import ctypes
from inference.worker.blas import load_blas
assert load_blas()
import mlx.core as mx
class Info(ctypes.Structure):
    _fields_ = [("file", ctypes.c_char_p), ("base", ctypes.c_void_p)]
    _fields_ += [("name", ctypes.c_char_p), ("at", ctypes.c_void_p)]
everybody = ctypes.CDLL(None)
found = Info()
everybody.dladdr(ctypes.cast(everybody.cblas_sgemm, ctypes.c_void_p), ctypes.byref(found))
print(found.file.decode())
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "openblas" in said
