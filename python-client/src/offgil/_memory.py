"""Keeps freed memory for the next transfer.

A transfer takes and frees blocks of a megabyte all the time. The allocator of glibc gives such
blocks back to the system at once, and the system clears each page when it is touched again; that
takes more time than to copy the data. docs/performance.md has the figures.
"""

from __future__ import annotations

import ctypes
import functools
import os

__all__ = ["keep_freed_memory"]

# From malloc.h of glibc.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# How much freed memory stays with the process, in bytes.
KEPT_BYTES = 64 * 1024 * 1024
# Larger blocks are given back at once.
LARGEST_KEPT_BLOCK = 4 * 1024 * 1024


@functools.cache
def keep_freed_memory() -> bool:
    """Lets this process keep up to 64 MiB that it has freed; returns whether it does.

    Not where the environment tunes the allocator itself, and not with another C library.
    """
    if any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = ((M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK), (M_TRIM_THRESHOLD, KEPT_BYTES))
    return all(mallopt(name, value) == 1 for name, value in settings)
