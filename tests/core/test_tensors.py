import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from mer_core.errors import RunError
from mer_core.tensors import save_tensors


def test_tensors_come_back_also_where_they_share_memory(tmp_path):
    x = torch.arange(12.0).reshape(3, 4)
    given = {"x": x, "part": x[:2], "turned": x.T, "flag": torch.tensor([True]), "number": torch.tensor(3)}
    save_tensors(tmp_path / "deep" / "t.safetensors", given)
    read = load_file(tmp_path / "deep" / "t.safetensors")
    assert read.keys() == given.keys()
    assert all(torch.equal(read[name], given[name]) for name in given)


def test_the_file_may_be_read_by_whom_the_users_files_may_be_read(tmp_path):
    (tmp_path / "any").touch()
    save_tensors(tmp_path / "t.safetensors", {"x": torch.ones(3)})
    assert (tmp_path / "t.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode


LIMITED = """
import resource, sys, torch
from pathlib import Path
from mer_core.errors import RunError
from mer_core.tensors import save_tensors
path = Path(sys.argv[1])
save_tensors(path, {"x": torch.ones(3)})
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    save_tensors(path, {"x": torch.zeros(5000)})
except RunError as error:
    print(error)
print(sorted(p.name for p in path.parent.iterdir()))
"""


def test_a_disk_that_takes_no_more_keeps_the_old_file(tmp_path):
    pytest.importorskip("resource", reason="file size limits are POSIX")
    path = tmp_path / "t.safetensors"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert "t.safetensors could not be written: " in done.stdout, done.stderr
    assert "Make room or choose another place, then run again with --resume." in done.stdout
    assert done.stdout.endswith("['t.safetensors']\n")
    assert torch.equal(load_file(path)["x"], torch.ones(3))


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="could not be written"):
        save_tensors(tmp_path / "file" / "t", {"x": torch.ones(1)})
