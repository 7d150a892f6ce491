"""The matrix products of MLX on Linux: its wheel brings the reference BLAS alone, and takes a faster one that is there.

What is loaded with global symbols before `mlx.core` is what it calls: the system's OpenBLAS, or the one inside the
wheel of `faiss-cpu`, with what that one needs. On Apple machines MLX has Accelerate and Metal, and needs none.
"""

import ctypes
import os
import sys
from importlib import metadata
from pathlib import Path

SYSTEM = ("libopenblas.so.0", "libopenblas.so")
WHEEL = "faiss-cpu"
NEEDED = ("libquadmath", "libgomp", "libgfortran", "libopenblas")
"""In this order: each needs those before it."""
SLOW = (
    "no OpenBLAS was found: matrix products are 13 to 30 times slower (3 to 6 instead of 40 to 200 GFLOPS); "
    "install libopenblas0 (Debian), or the Python package faiss-cpu, and start again"
)


def load_blas() -> str | None:
    """The name of what was loaded; None where there is none, and products are slow.

    To be called before MLX is imported. One thread: the products of a list of candidates are too small for two.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform != "linux":
        return "of the system"
    for name in SYSTEM:
        if _is_blas(name):
            return name
    files = _in_wheel()
    loaded = [_is_blas(str(file)) for file in files]
    return f"{WHEEL}: {files[-1].name}" if loaded and loaded[-1] else None


def _in_wheel() -> list[Path]:
    try:
        found = [Path(str(file.locate())) for file in metadata.files(WHEEL) or () if ".libs" in file.parts[0]]
    except metadata.PackageNotFoundError:
        return []
    return [file for name in NEEDED for file in found if file.name.startswith(name)]


def _is_blas(name: str) -> bool:
    """It is loaded whether it is or not."""
    try:
        return hasattr(ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL), "cblas_sgemm")
    except OSError:
        return False
