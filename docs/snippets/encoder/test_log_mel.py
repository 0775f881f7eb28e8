from log_mel import LogMel

from mer_core.testing import EncoderContract


class TestLogMel(EncoderContract):
    plugin = LogMel
