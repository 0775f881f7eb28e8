"""The contracts of the five kinds of plugins: every promise is a check that a wrong plugin fails."""
