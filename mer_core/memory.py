"""What the process does with memory that was freed."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 2**30  # bytes
_NEVER = -1


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next tensor, where it is glibc.

    It otherwise hands the memory of large tensors back to the system and asks for it again, and the system clears
    every page anew.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
