"""What was measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version

from benchmarks.kernels.table import processor
from processes import server_binary

PACKAGES = ["fastapi", "uvicorn", "pydantic", "grpcio", "numpy", "mosec", "ray"]


def machine() -> str:
    """Describes the machine and the software."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    hardware = f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory"
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{hardware}; {system}; {_server()}; Python {platform.python_version()}, {_packages()}"


def _server() -> str:
    command = [str(server_binary()), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _packages() -> str:
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)
