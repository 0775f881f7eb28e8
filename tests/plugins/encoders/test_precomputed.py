"""Arrays from a file, in every format; what is wrong with one is named."""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydantic import ValidationError
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from mer_core.errors import DataError, SpecError
from mer_core.types import Utterance
from mer_plugins.encoders.precomputed import Precomputed

FORMATS = [".npz", ".safetensors", ".h5", ".hdf5"]
MADE = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2, 3], dtype=np.int16), "c": np.ones((4, 3), np.float32)}


def write(path: Path, made: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **made)
    elif path.suffix == ".safetensors":
        save_file(made, path)
    else:
        h5py = pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
        with h5py.File(path, "w") as file:
            for name, x in made.items():
                file[name] = x
    return path


def build(path: Path, **options: object) -> Precomputed:
    return Precomputed(Precomputed.Config(path=path, **options)).eval()


def features(encoder: Precomputed, id_: str) -> torch.Tensor:
    return encoder.prepare(Utterance(id=id_))["features"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_array_is_a_frame_or_several(tmp_path, suffix):
    encoder = build(write(tmp_path / f"x{suffix}", MADE))
    assert (encoder.modality, encoder.output_dim) == ("audio", 3)
    assert features(encoder, "a").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert features(encoder, "b").tolist() == [[1, 2, 3]]
    assert {features(encoder, name).dtype for name in MADE} == {torch.float32}


@given(
    x=arrays(np.float32, array_shapes(min_dims=1, max_dims=2, max_side=4), elements=st.floats(-9, 9, width=32)),
    id_=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5),
)
def test_whatever_is_written_comes_back(tmp_path_factory, x, id_):
    folder = tmp_path_factory.mktemp("made")
    for suffix in (".npz", ".safetensors"):
        if suffix == ".npz" and id_ == "file":
            continue  # the name of numpy.savez's own argument
        found = features(build(write(folder / f"x{suffix}", {id_: x})), id_)
        np.testing.assert_array_equal(found.numpy(), np.atleast_2d(x))


def test_bfloat16(tmp_path):
    save_tensors({"a": torch.tensor([0.5, 1.5]).bfloat16()}, tmp_path / "x.safetensors")
    assert features(build(tmp_path / "x.safetensors"), "a").tolist() == [[0.5, 1.5]]


def test_a_modality_and_names_of_ones_own(tmp_path):
    path = write(tmp_path / "x.h5", {"data/a/features": np.ones((2, 5)), "data/a/times": np.ones((2, 2))})
    encoder = build(path, modality="video", key="data/{id}/features")
    assert (encoder.modality, encoder.output_dim) == ("video", 5)
    assert features(encoder, "a").shape == (2, 5)
    with pytest.raises(SpecError, match=r'encoders.audio.key: .* is named as "{id}.npy"\nIt has 2, such as data/a/f'):
        build(path, key="{id}.npy")
    with pytest.raises(ValidationError, match=r"an array's name must hold \{id\}"):
        build(path, key="a")


def test_a_copy_reads_on(tmp_path):
    encoder = build(write(tmp_path / "x.npz", MADE))
    assert features(copy.deepcopy(encoder), "b").tolist() == [[1, 2, 3]]


def test_the_content_of_the_file_is_in_the_key(tmp_path):
    keys = {build(write(tmp_path / "x.npz", {"a": np.full(2, n)})).cache_key() for n in (1.0, 2.0)}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.npz", None, r"encoders.audio.path: there is no file .*absent.npz\nGive the path of the features"),
        (
            "x.mat",
            b"1",
            r'the format of .*x.mat is not known by ".mat"\nGive a file that ends in .npz, .safetensors, .h',
        ),
        ("x.npz", b"PK", r"x.npz cannot be read: it is not what numpy.savez writes\nWrite it again, as numbers"),
        ("x.safetensors", b"{", r"x.safetensors cannot be read: .*\nWrite it again, as numbers"),
        ("x.h5", b"{", r"x.h5 cannot be read: .*\nWrite it again, as numbers"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, says):
    if name == "x.h5":
        pytest.importorskip("h5py", reason="the extra `hdf5` is not installed")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError, match=says):
        build(tmp_path / name)


def test_a_file_without_arrays(tmp_path):
    with pytest.raises(SpecError, match=r"x.npz holds no array\nIt needs one for each utterance"):
        build(write(tmp_path / "x.npz", {}))


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(SpecError, match=r"is an HDF5 file, and h5py is not installed\n.*pip install 'mer-core\[hdf5\]"):
        build(tmp_path / "x.h5")


class Trap:
    """Pickles into a call that would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)


def test_pickled_code_is_not_run(tmp_path):
    made = {"a": np.ones(3), "b": np.array([Trap(tmp_path / "trapped")], dtype=object)}
    np.savez(tmp_path / "x.npz", **made)
    with pytest.raises(
        DataError, match=r'array "b" of .*x.npz cannot be read: it holds Python objects\nWrite it again'
    ):
        features(build(tmp_path / "x.npz"), "b")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.ones((2, 4)), r"has shape \(2, 4\), not \(3,\) or \(frames, 3\)\nMend it, or"),
        (np.ones((2, 2, 3)), r"has shape \(2, 2, 3\)"),
        (np.ones((0, 3)), r"has shape \(0, 3\): no frame\nMend it, or"),
        (np.array(1.0), r"has shape \(\)"),
        (np.array([1.0, np.nan, np.inf]), "holds 2 of 3 numbers that are not finite in float32\nMend it, or"),
        (np.array([1e300, 0, 0]), "holds 1 of 3 numbers that are not finite in float32"),
        (np.array(["x", "y", "z"]), "holds no numbers but <U1\nMend it, or"),
    ],
)
def test_an_array_that_cannot_be_used_is_named(tmp_path, x, says):
    encoder = build(write(tmp_path / "x.npz", MADE | {"z": x}))
    with pytest.raises(DataError, match=f'array "z" of .*x.npz {says}'):
        features(encoder, "z")


def test_an_utterance_without_an_array_is_named_with_what_there_is(tmp_path):
    encoder = build(write(tmp_path / "x.npz", MADE))
    with pytest.raises(DataError, match=r'x.npz holds no array "other"; it has 3, such as a, b, c'):
        features(encoder, "other")
