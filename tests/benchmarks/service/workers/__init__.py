"""Measurements that run in a process of their own; see `worker`.

They import little, since their memory is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any


def answer(main: Callable[..., Coroutine[Any, Any, Any]]) -> None:
    """Calls `main` with the arguments of the command line, and prints what it returns."""
    print(json.dumps(asyncio.run(main(**json.loads(sys.argv[1])))))
