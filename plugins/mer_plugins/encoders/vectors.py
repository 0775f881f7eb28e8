"""Words, and vectors for them from a file as GloVe's are distributed: `word number number ...` in each line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mer_core.data.audio import audio_digest
from mer_core.errors import DataError, SpecError

_LINES = "Each line is a word and its numbers, as many in every line."
_WORD = re.compile(r"\w+(?:'\w+)*")


def words_of(text: str | None) -> list[str]:
    """Return the words of a transcript in lower case, punctuation left out."""
    return _WORD.findall((text or "").lower().replace("\u2019", "'"))


def bucket(word: str, buckets: int) -> int:
    """Return a number for a word from 1 to `buckets`; words may share one (Weinberger et al. 2009, hashing trick)."""
    digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "big") % buckets


class WordVectors:
    """Vectors of a text file, looked up word by word; a word that it does not have is a vector of zeros.

    Args:
        path: the file.
        dim: numbers in each line.
        place: the option that names the file, for errors.

    Raises:
        SpecError: the file cannot be read, or its first line has no numbers or another number of them.
    """

    def __init__(self, path: Path, dim: int, *, place: str) -> None:
        self.path, self.dim = path.expanduser(), dim
        try:
            self.digest = audio_digest(self.path)
            with self.path.open("rb") as file:
                first = file.readline().split()[1:]
        except (DataError, OSError) as cause:
            raise SpecError(
                f"{place}: {path} is not a file that can be read",
                hint="Give the path of word vectors in text form, for example glove.6B.300d.txt (nlp.stanford.edu).",
            ) from cause
        if not first or _numbers(first) is None:
            raise SpecError(f"{place}: the first line of {path} is no word with its numbers", hint=_LINES)
        if len(first) != dim:
            raise SpecError(
                f"{place}: a line of {path} holds {len(first)} numbers, not {dim}",
                hint=f"Set {place.removesuffix('path')}dim={len(first)}",
            )

    def __call__(self, word: str) -> Float[Tensor, " D"]:
        """Return a word's vector; of `don't`, where only `don` is known, that.

        Raises:
            DataError: the word's line has no numbers or another number of them.
        """
        offsets = _offsets(self.path, self.digest)
        for known in (word, word.partition("'")[0]):
            if known in offsets:
                with self.path.open("rb") as file:
                    file.seek(offsets[known])
                    numbers = _numbers(file.readline().split()[1:])
                if numbers is None or len(numbers) != self.dim:
                    raise DataError(f'{self.path}: the line of "{known}" does not hold {self.dim} numbers', hint=_LINES)
                return torch.tensor(numbers)
        return torch.zeros(self.dim)


def _numbers(words: Sequence[bytes]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


@lru_cache(maxsize=2)
def _offsets(path: Path, _digest: str) -> dict[str, int]:
    """Return where each word's line begins: the vectors themselves may not fit into memory."""
    offsets: dict[str, int] = {}
    with path.open("rb") as file:
        place = 0
        for line in file:
            offsets.setdefault(line.split(b" ", 1)[0].decode("utf-8", errors="replace"), place)
            place += len(line)
    return offsets
