"""The thresholds that the page states are the program's."""

from mer_core.audit import CHECKS, cues, guesses, labels, recordings, sound, tags, texts, transcripts
from mer_core.text.words import MIN_JACCARD


def test_stated_thresholds_are_the_programs(pages):
    page = " ".join(pages["docs/how-to/audit.md"].replace("\u2212", "-").split())
    assert f"no sample above {recordings.SILENT_DBFS:g} dBFS" in page
    assert f"{100 * recordings.CLIPPED_SHARE:g} % of the samples at {sound.CLIPPED_DBFS:g} dBFS or above" in page
    assert f"Jaccard {MIN_JACCARD:g} or more" in page
    assert f"{100 * transcripts.MANY:g} % or more, and copying their label closes a quarter" in page
    assert f"| {100 * transcripts.FEW:g} % or more |" in page
    assert f"{100 * labels.GRAVE:g} % of the utterances or more" in page
    assert f"| {100 * texts.MANY:g} % or more |" in page
    assert f"Of more than {guesses.MOST_LEARNT:,} training utterances" in page
    assert (transcripts.TELLING, tags.NEARLY_ALWAYS, recordings.MANY) == (0.25, 0.75, 0.1)
    assert {(guesses.SEVERE, guesses.TELLING), (cues.SEVERE, cues.TELLING)} == {(0.5, 0.1)}
    assert {transcripts.LEVEL, tags.LEVEL, cues.LEVEL} == {0.01}


def test_every_check_is_on_the_page(pages):
    for check in CHECKS:
        name = __import__(check.__module__, fromlist=["CHECK"]).CHECK
        assert f"| {name} |" in pages["docs/how-to/audit.md"]
