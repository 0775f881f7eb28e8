"""`mer run` as a process that a signal reaches. Each test waits for two imports of torch, then for toys."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

TOY = ("run", "--pipeline", "toy", "--out", "out")
EPOCHS = 80  # a second or more a fold: it is not done before the signal comes


@pytest.fixture
def started(request, monkeypatch):
    """Start a run of two folds at once, in a session of its own, and wait until an epoch is done."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    processes = []

    def start(epochs):
        registry = request.path.parent / "toy" / "registry.toml"
        options = ["--epochs", str(epochs), "--jobs", "2", "--registry", str(registry)]
        command = [sys.executable, "-m", "mer_cli", *TOY, *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(process := subprocess.Popen(command, start_new_session=True, **pipes))
        assert any(" epoch " in line for line in process.stdout), process.stderr.read()
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


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


def test_ctrl_c_ends_all_processes_at_once_and_resume_leads_to_the_same_predictions(started, mer, workplace):
    process = started(epochs=EPOCHS)
    assert len(members(process)) >= 4, "itself, the workers, and what starts them"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process hears it
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out.splitlines()[-1].startswith("Stopped. Go on with: mer run --pipeline toy --out out --epochs ")
    assert errors == ""
    assert seconds_until_gone(process) < 5
    assert not (workplace / "out" / "report.json").exists()

    assert mer(*TOY, "--epochs", EPOCHS, "--resume", "--jobs", 1).exit_code == 0
    assert mer(*TOY[:-1], "whole", "--epochs", EPOCHS, "--jobs", 1).exit_code == 0
    for fold in "123":
        path = f"seed-1/fold-{fold}/predictions.csv"
        assert (workplace / "out" / path).read_bytes() == (workplace / "whole" / path).read_bytes()


def test_no_worker_outlives_a_parent_that_is_killed(started):
    process = started(epochs=100_000)
    assert len(members(process)) >= 4
    process.kill()
    assert seconds_until_gone(process) < 5
