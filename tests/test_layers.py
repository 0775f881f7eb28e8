"""The import directions of pyproject.toml hold: the core knows neither plugins nor command line."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIGHT = (  # the rooms that design.md marks "imports no torch"
    "errors", "hookspec", "plugin", "manager", "spec", "registry", "config", "resolve", "validation", "files",
    "rundir", "events",
)  # fmt: skip
HEAVY = {"torch", "torchaudio", "transformers", "accelerate", "sklearn", "scipy", "numpy", "safetensors", "jaxtyping"}


def lint_imports(config):
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_import_directions_hold():
    done = lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_the_linter_would_find_a_breach(tmp_path):
    """What holds by itself today must be seen to fail: plugins do import the core."""
    config = tmp_path / "contracts.toml"
    config.write_text(
        '[tool.importlinter]\nroot_packages = ["mer_core", "mer_plugins"]\n[[tool.importlinter.contracts]]\n'
        'name = "breach"\ntype = "forbidden"\nsource_modules = ["mer_plugins"]\nforbidden_modules = ["mer_core"]\n'
    )
    assert "0 kept, 1 broken" in lint_imports(config).stdout


def imported(path):
    """Return the packages that a module imports, wherever in it, with those of the project by full name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_import_nothing_heavy(module):
    assert not {name.split(".")[0] for name in imported(ROOT / "mer_core" / f"{module}.py")} & HEAVY


def test_light_modules_stay_light_through_what_they_import():
    code = f"import sys, {', '.join(f'mer_core.{name}' for name in LIGHT)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in done.stdout.split()} & HEAVY


def test_the_core_names_no_plugin():
    """The core knows no plugin by name: neither as a module nor as a word in its code."""
    names = {"mer_plugins", "cross-attn", "aux1", "aux2", "wav2vec2", "bert", "wa-ua", "iemocap", "manifest"}
    for path in sorted((ROOT / "mer_core").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not words & names, path


def test_only_what_draws_knows_rich():
    knowing = {
        path.stem for path in (ROOT / "cli").rglob("*.py") if any(n.split(".")[0] == "rich" for n in imported(path))
    }
    assert knowing == {"console", "live", "grid"}
