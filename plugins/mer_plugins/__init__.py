"""The plugins that ship with mer. They enter by the same entry point as anybody's."""
