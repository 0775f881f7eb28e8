"""Auxiliary tasks: one file each."""
