"""For tests of plugins: toy parts that train in milliseconds (`mer_core.testing.toys`)."""
