"""What a table says of the machine that it was made on."""

import os
import platform
from datetime import UTC, datetime

import psutil


def machine() -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} "
        f"at the start, Python {platform.python_version()}"
    )
