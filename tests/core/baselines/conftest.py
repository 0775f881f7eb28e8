import pytest

from mer_core.types import Utterance


@pytest.fixture
def corpus():
    """Make utterances of (label, text, scenario)."""

    def make(*rows):
        return [
            Utterance(id=f"u{n}", label=label, text=text, fields={"scenario": scenario} if scenario else {})
            for n, (label, text, scenario) in enumerate(rows)
        ]

    return make


@pytest.fixture(scope="session")
def demo_words():
    """The demo corpus without its sound: words, labels and scenarios."""
    from mer_plugins.corpora.demo_design import EMOTIONS
    from mer_plugins.corpora.demo_script import script

    return [
        Utterance(
            id=line.id,
            label=line.cell.label,
            text=line.spoken,
            speaker=line.speaker.name,
            session=str(line.session),
            fields={"scenario": line.dialog.partition("_")[2], "stratum": line.cell.stratum},
        )
        for line in script(0)
        if line.raw_label in {*EMOTIONS, "exc"}
    ]
