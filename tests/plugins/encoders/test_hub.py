"""Where a checkpoint is found, and what is said where it is not. Nothing here reaches the network."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

from mer_core.errors import SpecError
from mer_plugins.encoders import hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache on a machine without network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(cache: Path, name: str, *files: str) -> Path:
    """Lay a model into the cache as `hf download` does (without its blobs)."""
    repository = cache / ("models--" + name.replace("/", "--"))
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    for file in files:
        (snapshot / file).write_text("{}")
    return snapshot


def test_offline_and_not_cached_names_both_remedies(cache: Path) -> None:
    expected = (
        r'encoders\.audio\.checkpoint: "facebook/wav2vec2-base" is not on this machine and could not be fetched from '
        r"the hub\nRun once with network access: hf download facebook/wav2vec2-base\n"
        r"Or give a local directory: --set encoders\.audio\.checkpoint=DIR$"
    )
    with pytest.raises(SpecError, match=expected):
        hub.resolve("facebook/wav2vec2-base", modality="audio", family="wav2vec2")


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_cached_is_used_without_asking_the_network(cache: Path, weights: str) -> None:
    snapshot = put(cache, "facebook/wav2vec2-base", "config.json", weights)
    assert hub.resolve("facebook/wav2vec2-base", modality="audio", family="wav2vec2") == snapshot


def test_half_a_download_is_not_taken_for_a_checkpoint(cache: Path) -> None:
    put(cache, "bert-base-uncased", "config.json", "vocab.txt")
    with pytest.raises(SpecError, match=r"hf download bert-base-uncased"):
        hub.resolve("bert-base-uncased", modality="text", family="bert")


def test_fetches_only_what_is_read_and_torch_weights_only_where_there_are_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not cached")
        asked.append([pattern for pattern in allow_patterns if pattern.startswith(("model", "pytorch_model"))])
        (tmp_path / "config.json").touch()
        if any(pattern.endswith(".bin") for pattern in allow_patterns):
            (tmp_path / "pytorch_model.bin").touch()
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert hub.resolve("someone/model", modality="text", family="bert") == tmp_path
    assert [patterns[0] for patterns in asked] == ["model*.safetensors", "pytorch_model*.bin"]


def test_a_failed_download_says_why(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, *, local_files_only: bool, **options: object) -> str:
        raise LocalEntryNotFoundError("not cached") if local_files_only else OSError("No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(SpecError, match=r"could not be fetched from the hub: No space left on device\nRun once with"):
        hub.resolve("bert-base-uncased", modality="text", family="bert")


@pytest.mark.parametrize("name", ["bert base uncased", "nobody/nothing"])
def test_unknown_to_the_hub(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = huggingface_hub.snapshot_download

    def download(name: str, **options: object) -> str:
        if options["local_files_only"] or " " in name:
            return real(name, **options)
        raise RepositoryNotFoundError.__new__(RepositoryNotFoundError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(SpecError, match=rf'"{name}" is neither a directory nor a model of the hub you may read\nCheck'):
        hub.resolve(name, modality="text", family="bert")


@pytest.mark.parametrize("place", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_no_such_directory(place: str) -> None:
    with pytest.raises(SpecError, match=rf'encoders.text.checkpoint: there is no directory "{place}"'):
        hub.resolve(place, modality="text", family="bert")


def test_a_directory_wins_over_a_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bert-base-uncased").mkdir()
    assert hub.resolve("bert-base-uncased", modality="text", family="bert") == tmp_path / "bert-base-uncased"


def test_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "files", lambda package: tmp_path / package)
    place = tmp_path / "mer_plugins" / "checkpoints" / "tiny-bert"
    place.mkdir(parents=True)
    assert hub.resolve("embedded:tiny-bert", modality="text", family="bert") == place
    with pytest.raises(SpecError, match=r'"embedded:tiny-bart" does not ship .*\(did you mean "tiny-bert"\?\)\nEmb'):
        hub.resolve("embedded:tiny-bart", modality="text", family="bert")


def test_digest_follows_names_and_contents_of_what_is_loaded(tmp_path: Path) -> None:
    seen = set()
    for file, content in [("config.json", "1"), ("model.safetensors", "1"), ("model.safetensors", "2")]:
        (tmp_path / file).write_text(content)
        seen.add(hub.digest(tmp_path))
    assert len(seen) == 3
    (tmp_path / "README.md").touch()
    (tmp_path / "pytorch_model.bin").write_text("not read beside safetensors")
    assert hub.digest(tmp_path) in seen
