from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """`backend` is what computed: `mlx-cpu`, `mlx-metal`, `mlx-cuda`, `http`, `rules`."""

    backend: str
    model: str
    version: str = ""
