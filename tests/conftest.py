"""What every test may use. Nothing a test does may depend on what is installed, cached or computed elsewhere."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState
from hypothesis import settings

from mer_core import candidates
from mer_core.data.store import FeatureStore
from mer_core.manager import PluginManager
from mer_core.testing.toys import toy_manager
from mer_core.workers import num_cores

settings.register_profile("mer", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("mer")
torch.set_num_threads(1)  # toy tensors: more threads only wait for each other


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs on all cores; what is named alone runs at once, without processes to start."""
    return num_cores() if config.args == config.getini("testpaths") else 0


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _own_accelerator() -> Iterator[None]:
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def manager() -> PluginManager:
    """The toys and the built-in plugins, and nothing that happens to be installed."""
    return toy_manager(modules=["mer_plugins.hooks"])


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file into the test's own folder and return its path."""

    def put(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return put


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install distributions of version 1.2, each with one plugin module, and nothing else.

    `install("mer-gated", "mer_t_gated", source)` writes the module (names begin with `mer_t_`); without a source it
    is there already.
    """
    entries: list[EntryPoint] = []
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(candidates, "entry_points", lambda group: [e for e in entries if e.group == group])

    def install(dist: str, module: str, source: str | None = None) -> None:
        if source is not None:
            (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        entry = EntryPoint("builtin" if source is None else module, module, "mer")
        vars(entry).update(dist=SimpleNamespace(name=dist, metadata=dist, version="1.2"))
        entries.append(entry)

    yield install
    for name in [name for name in sys.modules if name.startswith("mer_t_")]:
        del sys.modules[name]
