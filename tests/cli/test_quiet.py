"""What libraries say to developers is off the screen unless MER_DEBUG=1."""

import subprocess
import sys

import pytest

CODE = """
import logging, warnings
from mer_cli.quiet import quiet_libraries
quiet_libraries()
warnings.warn("a warning")
logging.getLogger("accelerate").warning("a log line")
import os
print(os.environ.get("TRANSFORMERS_VERBOSITY", "as it is"))
"""


@pytest.mark.parametrize(("debug", "said", "verbosity"), [("", False, "error"), ("1", True, "as it is")])
def test_libraries_are_heard_only_when_asked_for(monkeypatch, debug, said, verbosity):
    monkeypatch.setenv("MER_DEBUG", debug)
    monkeypatch.delenv("TRANSFORMERS_VERBOSITY", raising=False)
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert ("a warning" in done.stderr, "a log line" in done.stderr) == (said, said)
    assert done.stdout.strip() == verbosity
