"""The `console` blocks of the tutorial and the how-to pages are typed in order, and print what the pages say.

The corpus is cut to a few utterances, so that a run takes a second; everything else is as a user has it.
"""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from mer_cli.app import app
from mer_plugins.corpora.demo_design import EMOTIONS

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "docs" / "snippets"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FILE = re.compile(r"<!-- file: (\S+) -->")
PER_CLASS = 2


@pytest.fixture(autouse=True)
def small_demo(monkeypatch):
    """Of every session keep two utterances of each class; speak no others."""
    from mer_plugins.corpora import demo

    def few(lines):
        kept, counts = [], {}
        for line in lines:
            key = (line.session, line.cell.label)
            counts[key] = counts.get(key, 0) + 1
            if line.cell.label in EMOTIONS and counts[key] <= PER_CLASS:
                kept.append(line)
        return kept

    whole = demo.script
    monkeypatch.setattr(demo, "script", lambda seed: few(whole(seed)))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user's folder with a recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MER_DEBUG", "1")
    soundfile.write("hello.wav", np.sin(np.arange(16000) / 20) * 0.1, 16000)
    return tmp_path


def sessions(page):
    """Yield for each block the files shown above it, and the commands with the lines they should print."""
    text, end = (ROOT / "docs" / page).read_text(encoding="utf-8"), 0
    for block in BLOCK.finditer(text):
        shown = [SNIPPETS.parents[1] / name for name in FILE.findall(text[end : block.start()])]
        commands = [part.rstrip("\n").split("\n") for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE) if part]
        yield shown, [(command, lines) for command, *lines in commands]
        end = block.end()


def printed(line, output):
    """Tell whether a line was printed; `…` stands for anything, and white space does not count."""
    pattern = ".*".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
    return re.search(pattern, output) is not None


@pytest.mark.parametrize(
    "page",
    [
        "tutorial.md",
        "how-to/fusion.md",
        "how-to/auxiliary-task.md",
        "how-to/encoder.md",
        "how-to/evaluator.md",
        "how-to/publish.md",
    ],
)
def test_console_blocks(page, folder):
    for shown, commands in sessions(page):
        for file in shown:
            shutil.copy(file, folder)
        for command, lines in commands:
            result = CliRunner().invoke(app, shlex.split(command)[1:], prog_name="mer")
            output = result.output.replace("\n", " \n ")
            fails = any(line.startswith("error:") or "did you mean" in line for line in lines)
            assert result.exit_code == (2 if fails else 0), f"{command}\n{result.output}"
            missing = [line for line in lines if not printed(line, output)]
            assert not missing, f"{command}\n{result.output}"
