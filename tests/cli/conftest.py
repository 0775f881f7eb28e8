"""The command line run in-process on toy parts that a registry file names: no checkpoint, milliseconds a fold."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mer_cli.app import app

TOY = Path(__file__).parent / "toy" / "registry.toml"
EMOTIONS = ("ang", "hap", "neu", "sad")


def invoke(*args, registry=TOY):
    """Run `mer` with these arguments; where it is not said otherwise, the toy registry is used."""
    named = [] if registry is None else ["--registry", str(registry)]
    return CliRunner().invoke(app, [*map(str, args), *named], prog_name="mer")


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch, cache) -> Path:
    """An empty working folder; prepared features are shared by all tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MER_CACHE", str(cache))
    monkeypatch.setenv("MER_DEBUG", "1")  # silencing libraries here would silence them for all later tests
    return tmp_path


@pytest.fixture
def mer() -> Callable:
    return invoke


@pytest.fixture(scope="session")
def trained(tmp_path_factory, cache) -> Path:
    """A finished run of the toy pipeline: three folds, one seed. Tests only read it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MER_CACHE", str(cache))
        patch.setenv("MER_DEBUG", "1")
        result = invoke("run", "--pipeline", "toy", "--jobs", 1, "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def recording(workplace) -> Callable[[str, str], Path]:
    """Write a toy recording: a file that says what the toy encoder is to hear."""

    def write(name: str, heard: str) -> Path:
        path = workplace / name
        path.write_text(heard)
        return path

    return write


@pytest.fixture
def manifest(workplace) -> Callable[..., Path]:
    """Write a manifest of texts with labels."""

    def write(**texts_and_labels: tuple[str, str]) -> Path:
        path = workplace / "manifest.csv"
        rows = [f"{id_},{text},{label}" for id_, (text, label) in texts_and_labels.items()]
        path.write_text("\n".join(["id,text,label", *rows]) + "\n")
        return path

    return write
