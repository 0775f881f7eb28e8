"""Fusions: one file each."""
