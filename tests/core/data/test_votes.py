import pytest

from mer_core.data.votes import soft_labels
from mer_core.errors import DataError
from mer_core.types import Utterance
from mer_plugins.corpora.iemocap import Iemocap

CLASSES = ["ang", "hap", "neu"]
CLASS_OF = {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu"}


def rated(raters, label="neu"):
    return Utterance(id="u", label=label, fields={} if raters is None else {"raters": raters})


@pytest.mark.parametrize(
    ("raters", "shares"),
    [
        ("ang;ang;neu", [2 / 3, 0, 1 / 3]),
        ("hap;exc", [0, 1, 0]),
        ("ang/fru;ang;neu", [0.6, 0, 0.4]),
        ("ang/hap/neu", [1 / 3, 1 / 3, 1 / 3]),
        ("fru;fru;ang", [1, 0, 0]),
        ("fru;sur", [0, 0, 1]),
        ("", [0, 0, 1]),
        (None, [0, 0, 1]),
        ("ang; neu ;", [0.5, 0, 0.5]),
    ],
)
def test_shares_of_the_votes(raters, shares):
    (found, _) = soft_labels([rated(raters), rated("ang")], CLASSES, CLASS_OF)
    assert found == pytest.approx(shares)


def test_a_category_of_the_same_name_needs_no_map():
    assert soft_labels([rated("ang;neu")], CLASSES, {}) == [[0.5, 0.0, 0.5]]


def test_a_corpus_without_raters_is_refused():
    with pytest.raises(DataError, match=r'train.soft_labels: no utterance of this corpus has a field "raters"\nUse a'):
        soft_labels([rated(None)], CLASSES, {})


def test_iemocap_maps_its_raters_words_as_it_maps_its_labels(tmp_path):
    class_of = Iemocap(Iemocap.Config(path=tmp_path)).class_of
    assert class_of == {"Neutral state": "neu", "Happiness": "hap", "Excited": "hap", "Anger": "ang", "Sadness": "sad"}
    votes = "Anger/Frustration;Neutral state"
    assert soft_labels([rated(votes)], CLASSES, class_of) == [pytest.approx([1 / 3, 0, 2 / 3])]


def test_a_run_trains_on_them(experiment, change_corpus):
    from dataclasses import replace

    with pytest.raises(DataError, match=r"train.soft_labels: no utterance"):
        experiment(pipeline={"train": {"epochs": 1, "soft_labels": True}}).run()
    change_corpus(lambda read: [replace(u, fields={**u.fields, "raters": "sad;angry"}) for u in read])
    train = {"epochs": 6, "batch_size": 8, "learning_rate": 0.05, "soft_labels": True}
    run, _ = experiment(pipeline={"train": train}).run()
    rows = (run.path / "seed-1/fold-1/predictions.csv").read_text().splitlines()[1:]
    shares = [[float(p) for p in row.split(",")[3:]] for row in rows]
    # Everybody voted half sad, half angry: that is learned, whatever the labels say.
    assert all(p[0] > 0.3 and p[3] > 0.3 for p in shares)
