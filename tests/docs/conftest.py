"""The documentation's generator and pages. docs/ is no package, so its scripts are loaded by path."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.append(str(ROOT / "benchmarks"))  # the scripts there import each other


def load(path):
    name = f"docs_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def generate():
    return load(DOCS / "generate.py")


@pytest.fixture(scope="session")
def catalogue():
    return load(DOCS / "catalogue.py")


@pytest.fixture(scope="session")
def figures():
    return load(ROOT / "benchmarks" / "page.py")


@pytest.fixture(scope="session")
def fusions_page():
    return load(ROOT / "benchmarks" / "fusions_page.py")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def draw():
    return load(DOCS / "images" / "draw.py")


@pytest.fixture(scope="session")
def pages():
    """Every page by its path from the root: README, CONTRIBUTING and docs."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
