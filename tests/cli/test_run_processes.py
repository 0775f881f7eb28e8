"""`mer run` as a process that a signal reaches. Each test waits for two imports of torch, then for toys."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import psutil
import pytest

TOY = ("run", "--pipeline", "toy", "--out", "out")
EPOCHS = 100_000  # it is not done before the signal comes


@pytest.fixture
def process(request, monkeypatch):
    """A run of two folds at once, in a session of its own, which has done an epoch."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    registry = request.path.parent / "toy" / "registry.toml"
    options = ["--epochs", str(EPOCHS), "--jobs", "2", "--registry", str(registry)]
    command = [sys.executable, "-m", "mer_cli", *TOY, *options]
    # A shell's background job ignores Ctrl-C, and hands that down; but this one stands for one at a terminal.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    started = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    )
    assert any(" epoch " in line for line in started.stdout), started.stderr.read()
    yield started
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.communicate()


def members(process):
    """Return the processes of a session that are at work."""
    found = []
    for other in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(other.pid) == process.pid and other.status() != psutil.STATUS_ZOMBIE:
                found.append(other)
    return found


def seconds_until_gone(process):
    start = time.monotonic()
    while members(process) and time.monotonic() - start < 10:
        time.sleep(0.05)
    return time.monotonic() - start


def test_ctrl_c_ends_all_processes_at_once_and_says_how_to_go_on(process, workplace):
    assert len(members(process)) >= 4, "itself, the workers, and what starts them"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process hears it
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out.splitlines()[-1].startswith("Stopped. Go on with: mer run --pipeline toy --out out --epochs ")
    assert errors == ""
    assert seconds_until_gone(process) < 5
    assert not (workplace / "out" / "report.json").exists()


def test_no_worker_outlives_a_parent_that_is_killed(process):
    assert len(members(process)) >= 4
    process.kill()
    assert seconds_until_gone(process) < 5
