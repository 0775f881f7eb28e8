import sys

import pytest

from mer_core.bench.process import run
from mer_core.errors import RunError


def script(tmp_path, text):
    path = tmp_path / "peer.py"
    path.write_text(text)
    return [sys.executable, str(path)]


def test_the_last_line_is_what_a_job_tells_with_its_time_and_memory(tmp_path):
    text = """
import os
x = bytearray(200 * 2**20)
for i in range(0, len(x), 4096): x[i] = 1
print("chatter")
print('{"utterances_per_second": 2.5, "steps": 3, "told": "%s"}' % os.environ["SAID"])
"""
    ran = run(script(tmp_path, text), env={"SAID": "hello"})
    assert ran.speed == 2.5
    assert ran.told["told"] == "hello"
    assert ran.peak_gib > 0.19  # no less than what it held; what this process held when it forked counts as well
    assert 0 < ran.processor_s < 30


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "raise SystemExit('no such size')",
            r"peer.py ended with 1 and told no speed\nno such size\nThe last line of a",
        ),
        ("print('fast')", r"ended with 0 and told no speed\nfast"),
        ("print('{\"speed\": 3}')", r"ended with 0 and told no speed"),
        ("pass", r"ended with 0 and told no speed"),
        ("print('{\"utterances_per_second\": 3}'); raise SystemExit(4)", r"ended with 4 and told no speed"),
    ],
)
def test_a_job_that_fails_or_tells_no_speed_is_named_with_what_it_said(tmp_path, text, match):
    with pytest.raises(RunError, match=match):
        run(script(tmp_path, text), env={})


def test_an_interrupt_ends_the_job(tmp_path, monkeypatch):
    started = []

    def interrupted(pid, options):
        started.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr("mer_core.bench.process.os.wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(script(tmp_path, "import time; time.sleep(60)"), env={})
    monkeypatch.undo()
    with pytest.raises(ProcessLookupError):
        __import__("os").kill(started[0], 0)
