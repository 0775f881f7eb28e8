"""Encoders: from one modality of an utterance to a sequence of vectors."""
