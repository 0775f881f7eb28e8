"""Corpora: readers that list utterances."""
