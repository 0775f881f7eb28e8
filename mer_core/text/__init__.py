"""Words of transcripts: which are the same, and what is taken out of them."""
