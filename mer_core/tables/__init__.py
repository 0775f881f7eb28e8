"""Tables of systems: every row trained and tested alike, beside what was published for it."""
