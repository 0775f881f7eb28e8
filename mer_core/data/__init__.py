"""Data on its way to the pipeline: recordings, collation, the feature cache, batches and fold schemes."""
