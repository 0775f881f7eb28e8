import json

import pytest

from mer_core.bench import compare
from mer_core.bench.process import Ran

SHARES = {"audio encoder": 0.75, "text encoder": 0.25}


@pytest.fixture
def peer(tmp_path):
    path = tmp_path / "peer.py"
    path.write_text("print('{\"utterances_per_second\": 2.0}')")
    return path


@pytest.fixture
def quick(monkeypatch):
    """The project's side answers at once."""
    told = {"utterances_per_second": 5.0, "shares": SHARES, "prepare_s": 1.5, "padding": 1.08}
    told |= {"seconds": 20.0, "flops": 2.1e12, "peak_flops": 140e9, "utilisation": 0.75}
    monkeypatch.setattr(compare, "ours", lambda job, *, env: Ran(told, 1.0, 2.0))


def test_shows_the_ratios_and_where_the_time_goes_and_stores_them(mer, peer, quick, tmp_path):
    out = tmp_path / "figures.json"
    done = mer(
        "bench", "--peer", peer, "--rows", "tuned,tasks", "--size", "tiny", "--repeats", 2, "--out", out, registry=None
    )
    assert done.exit_code == 0, done.output
    assert "2.50" in done.output
    assert "at least 1.8" in done.output
    assert "at most 1.1" in done.output
    assert "audio encoder" in done.output
    assert "75.00" in done.output
    assert "1.5 s before; padding 1.080" in done.output
    assert "2.1 TFLOP, 105 GFLOP/s, 75.00 % of this machine's 140" in done.output
    assert "8 of 8" in done.output
    assert "not measured here: usual, bf16, gpu, overhead, scoring (--rows)" in done.output
    stored = json.loads(out.read_text())
    assert stored["command"].startswith("mer bench --peer")
    assert (stored["rows"]["tuned"]["ratio"], stored["rows"]["tuned"]["utilisation"]) == (2.5, 0.75)
    assert stored["machine"]["cores"] >= 1
    assert len(stored["jobs"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "tuned,tasks,usual"], "the rows tuned, usual need --peer FILE, a script of yours"),
        (["--rows", "scoring"], "the rows scoring need --scoring-peer FILE, a script of yours"),
        (["--rows", "tuned", "--peer", "gone.py"], "--peer: there is no file gone.py"),
        (["--rows", "fast"], 'rows: "fast" is not known'),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_runs(mer, quick, arguments, said):
    done = mer("bench", *arguments, registry=None)
    assert done.exit_code == 2
    assert said in done.output


def test_ctrl_c_stores_nothing(mer, peer, monkeypatch, tmp_path):
    def interrupted(job, *, env):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "ours", interrupted)
    done = mer("bench", "--peer", peer, "--rows", "tuned", "--out", tmp_path / "f.json", registry=None)
    assert done.exit_code == 130
    assert "Stopped. Nothing was stored." in done.output
    assert not (tmp_path / "f.json").exists()
