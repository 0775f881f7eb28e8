from emodb import Emodb

from mer_core.testing import CorpusContract


class TestEmodb(CorpusContract):
    plugin = Emodb

    def make_options(self, folder):
        for name in ("03a01Fa", "03a02Wb", "08b01Na", "08b02Ta"):
            (folder / f"{name}.wav").touch()
        return {"path": folder}

    def test_what_a_name_says(self):
        """A file name gives speaker and emotion."""
        first = self.read()[0]
        assert (first.id, first.speaker, first.label) == ("03a01Fa", "03", "happiness")
