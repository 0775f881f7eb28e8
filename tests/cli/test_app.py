"""What every command shares: a light start, errors of the user in one paragraph, everything else with its traceback."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "accelerate", "sklearn", "numpy")
LIGHT = [
    ["--help"],
    ["run", "--help"],
    ["reproduce", "--help"],
    ["list-plugins"],
    ["list-plugins", "--json"],
    ["show-plugin", "wav2vec2"],
]


@pytest.mark.parametrize("args", LIGHT, ids=" ".join)
def test_the_light_commands_import_nothing_heavy(args, workplace):
    code = f"""
import json, sys
sys.argv = {["mer", *args]!r}
from mer_cli.app import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr.splitlines()[-1]) == []
    assert done.stdout.strip()


def test_help_names_every_command(mer):
    shown = mer("--help", registry=None).stdout
    for name in ("run", "reproduce", "predict", "evaluate", "list-plugins", "show-plugin"):
        assert f"\n  {name} " in shown


def test_a_users_mistake_is_fact_and_remedy_and_exit_2(mer):
    result = mer("run", "--pipeline", "toi")
    assert result.exit_code == 2
    assert result.stderr.startswith('error: pipeline "toi" is not known (did you mean "toy"?)')
    assert "Each pipeline is a table [pipelines.NAME] in" in result.stderr
    assert "Traceback" not in result.output


def test_a_mistake_in_usage_exits_2(mer):
    result = mer("run", "--folds", "dialog")
    assert result.exit_code == 2
    assert "'dialog' is not one of 'session', 'speaker', 'fixed'" in result.stderr


def test_anything_else_keeps_its_traceback(workplace):
    code = """
import sys
sys.argv = ["mer", "list-plugins"]
import mer_core.manager
def broken(*args): raise RuntimeError("a bug")
mer_core.manager.PluginManager = broken
from mer_cli.app import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().endswith("RuntimeError: a bug")


def test_python_m_is_the_same_command(workplace):
    done = subprocess.run([sys.executable, "-m", "mer_cli", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: mer ")
