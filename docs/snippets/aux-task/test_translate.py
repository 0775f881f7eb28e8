from translate import Translate

from mer_core.testing import AuxTaskContract


class TestTranslate(AuxTaskContract):
    plugin = Translate
