from collections import Counter
from pathlib import Path

import pytest

from mer_core.bench import compare
from mer_core.bench.compare import Comparison
from mer_core.bench.process import Ran
from mer_core.bench.rows import Settings, rows
from mer_core.errors import SpecError

SETTINGS = Settings(size="tiny", utterances=6, batch_size=2)


@pytest.fixture
def speeds(monkeypatch):
    """Answers each job with the next of its speeds, and records what ran."""
    ran, answers = [], {}

    def answer(title):
        ran.append(title)
        speed = answers[title][Counter(ran)[title] - 1]
        return Ran({"utterances_per_second": speed}, 1.0, speed / 10)

    def ours(job, *, env):
        assert env == {"MER_CACHE": "here"}
        kind = job.get("kind", "train") + ("" if job.get("aux", True) else " alone")
        if "watched" not in job:
            return answer(kind)
        ran.append(f"{kind}, looked into")
        told = {"watched": job["watched"], "counted": job["counted"], "utilisation": len(ran)}
        return Ran({"utterances_per_second": 1e9} | told, 1.0, 1e9)

    monkeypatch.setattr(compare, "ours", ours)
    monkeypatch.setattr(compare, "run", lambda command, *, env: answer(command[3]))
    answers["ran"] = ran
    return answers


def take(names, repeats, **more):
    made = Comparison(
        rows=rows(SETTINGS, names), peers={"peer": Path("p.py")}, repeats=repeats, env={"MER_CACHE": "here"}, **more
    )
    return made.take()


def test_a_ratio_is_of_one_repeat_and_the_median_is_shown_with_the_spread(speeds):
    speeds |= {"train": [4.0, 9.0, 8.0], "tuned": [2.0, 3.0, 8.0]}
    row = take(["tuned"], 3)["rows"]["tuned"]
    assert (row["ratio"], row["lowest"], row["highest"]) == (2.0, 1.0, 3.0)
    assert (row["met"], row["bound"]) == (True, 1.8)
    assert (row["utterances_per_second"], row["others_utterances_per_second"]) == (8.0, 3.0)
    assert (row["peak_gib"], row["others_peak_gib"]) == (0.9, 0.8)


@pytest.mark.parametrize(("alone", "met"), [(1.0999, True), (1.11, False)])
def test_a_cost_is_met_from_below(speeds, alone, met):
    speeds |= {"train": [1.0], "train alone": [alone]}
    row = take(["tasks"], 1)["rows"]["tasks"]
    assert row["ratio"] == alone
    assert row["met"] is met
    assert (row["utterances_per_second"], row["others_utterances_per_second"]) == (1.0, alone)


def test_on_a_gpu_the_arithmetic_must_be_used_too():
    row = rows(SETTINGS, ["gpu"])["gpu"]
    assert row.asked == "at least 3, 40 % of the peak"
    assert [row.met(*taken) for taken in ((3.0, 0.4), (3.0, 0.39), (2.9, 0.5), (3.0, None))] == [True, *3 * [False]]


def test_jobs_alternate_and_one_that_two_rows_need_runs_once(speeds):
    speeds |= {"train": [1.0, 1.0], "usual": [1.0, 1.0], "tuned": [1.0, 1.0]}
    told = []
    taken = take(["usual", "tuned"], 2, progress=lambda title, number, total: told.append((number, total)))
    assert speeds["ran"] == ["train", "usual", "tuned", "usual", "tuned", "train", "train, looked into"]
    assert told == [(number, 7) for number in range(1, 8)]
    *timed, last = next(runs for title, runs in taken["jobs"].items() if title.startswith("mer"))
    assert all("watched" not in one["told"] for one in timed)
    assert (last["told"]["watched"], last["told"]["counted"]) == (True, True)
    assert taken["rows"]["tuned"]["utilisation"] == 7  # of the seventh job, which no ratio is made of
    assert taken["rows"]["tuned"]["ratio"] == 1.0


def test_what_is_hand_written_is_not_looked_into_and_a_gpu_not_watched(speeds):
    speeds |= {"train": [1.0, 1.0], "loop": [1.0], "tuned": [1.0]}
    taken = take(["overhead", "gpu"], 1)["jobs"]
    looked_into = {title: [one["told"].get("watched") for one in runs] for title, runs in taken.items()}
    (on_gpu,) = (title for title in taken if "cuda" in title)
    assert looked_into.pop(on_gpu) == [None, False]
    assert taken[on_gpu][-1]["told"]["counted"]
    assert sorted(looked_into.values(), key=len) == [[None], [None], [None, True]]


def test_the_peer_is_asked_for_the_same_job():
    made = rows(SETTINGS, ["usual", "bf16", "gpu"])
    asked = ("--warmup-steps", "0", "--size", "tiny", "--utterances", "6", "--batch-size")
    assert made["usual"].second.arguments == ("--style", "usual", *asked, "2", "--cpu")
    assert made["bf16"].second.arguments == ("--style", "tuned", *asked, "2", "--bf16", "--cpu")
    assert made["gpu"].second.arguments == ("--style", "tuned", "--warmup-steps", "0", "--bf16", *asked[2:], "32")
    assert made["usual"].first.job == {"size": "tiny", "utterances": 6, "batch_size": 2}


def test_a_row_that_is_not_known():
    with pytest.raises(SpecError, match=r'rows: "tund" is not known \(did you mean "tuned"\?\)\. Known: usual, tuned'):
        rows(SETTINGS, ["tund"])
