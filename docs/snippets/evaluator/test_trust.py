from trust import Trust

from mer_core.testing import EvaluatorContract


class TestTrust(EvaluatorContract):
    plugin = Trust
