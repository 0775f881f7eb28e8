"""Options with a few fixed values, apart from the models that use them so that help texts need no pydantic."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]
"""Arithmetic of the forward pass; weights stay in float32."""

Selection = Literal["last", "inner", "test"]
"""Which epoch is scored: the last; the best on a held-out part of training; the best on the test fold."""

FoldScheme = Literal["session", "speaker", "fixed", "scenario", "kfold"]
"""What is left out for testing: a session; a speaker; what the corpus's own field `split` says; a session together
with a group of scenarios; a random part of all utterances."""

TextCleaning = Literal["as-read", "no-tags", "lower"]
"""What is done to transcripts: nothing; tags such as `[LAUGHTER]` are taken out; that, and lower case."""
