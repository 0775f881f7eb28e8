import subprocess
import sys

import pytest

from mer_core.memory import keep_freed_memory

TENSORS = """
import resource
import torch
from mer_core.memory import keep_freed_memory

keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)  # 64 MiB
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults, 2**26 // resource.getpagesize())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_of_a_freed_tensor_serves_the_next_without_new_pages():
    """In a process of its own: what other tests have left in the heap would count."""
    told = subprocess.run([sys.executable, "-c", TENSORS], capture_output=True, text=True, check=True).stdout
    faults, pages = map(int, told.split())
    assert faults < pages / 10


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("looked for a C library"))
    keep_freed_memory()
