from attentive import Attentive

from mer_core.testing import FusionContract


class TestAttentive(FusionContract):
    plugin = Attentive
