"""What every test may use. Nothing a test does may depend on what is installed, cached or computed elsewhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from hypothesis import settings

from mer_core.data.store import FeatureStore
from mer_core.manager import PluginManager
from mer_core.testing.toys import toy_manager

settings.register_profile("mer", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("mer")
torch.set_num_threads(1)  # toy tensors: more threads only wait for each other


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
