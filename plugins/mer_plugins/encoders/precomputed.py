"""Features that were computed elsewhere: an array per utterance, from one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from pydantic import field_validator

from mer_core.config import PluginConfig
from mer_core.errors import DataError, SpecError
from mer_core.types import Prepared, Utterance
from mer_plugins.encoders.arrays import Arrays
from mer_plugins.encoders.features import NAME, FeatureEncoder

ID = "{id}"


class Precomputed(FeatureEncoder):
    """The array that a file holds for the utterance: (D,) is one frame, (T, D) are T. Nothing is trained.

    The file is `.npz`, `.safetensors`, or HDF5 (`.h5`, `.hdf5`; the extra `hdf5`). It is read one array at a time, and
    no pickled object is ever loaded. D is that of the first array by name; all must have it.

    Source: ours.
    """

    class Config(PluginConfig):
        """Options of `precomputed`."""

        path: Path
        """The file with the arrays."""
        modality: str = "audio"
        """What the arrays are of: `audio`, `text`, or another name, as the encoder's key in the pipeline."""
        key: str = ID
        """The name of an utterance's array; `{id}` stands for its id: `{id}/features` in nested HDF5 groups."""
        standardise: bool = True
        """Scale each number to mean 0 and deviation 1 over the training utterances."""
        speaker_norm: bool = False
        """Take out the mean and spread of each speaker, over all utterances and without labels; runs say so."""

        @field_validator("key")
        @classmethod
        def _names_the_utterance(cls, key: str) -> str:
            if ID not in key:
                raise ValueError(f"an array's name must hold {ID}")
            return key

    VERSION = 1
    """Raised when the result of `prepare` changes for the same file and options."""

    def __init__(self, config: Config) -> None:
        place = f"encoders.{config.modality}"
        arrays = Arrays(config.path, place=f"{place}.path")
        before, after = config.key.split(ID, 1)
        named = [name for name in arrays.names if name.startswith(before) and name.endswith(after)]
        if not named:
            raise SpecError(
                f'{place}.key: {arrays.path} holds no array that is named as "{config.key}"',
                hint=f"It has {_few(arrays)}.",
            )
        width = arrays.read(min(named)).shape[-1:]
        super().__init__(*width or (1,), speaker_norm=config.speaker_norm, standardise=config.standardise)
        self.arrays, self.config, self.modality = arrays, config, config.modality

    def cache_key(self) -> str:
        """Return a text that changes whenever the result of `prepare` would."""
        return json.dumps(["precomputed", self.VERSION, self.arrays.digest, self.config.key])

    def prepare(self, utterance: Utterance) -> Prepared:
        """Return `features` (T, D), in float32.

        Raises:
            DataError: the file has no array for the utterance, or one of another width, empty, or with what is no
                finite number.
        """
        name = self.config.key.replace(ID, utterance.id)
        try:
            x = self.arrays.read(name)
        except KeyError:
            raise DataError(f'{self.arrays.path} holds no array "{name}"; it has {_few(self.arrays)}') from None
        what = f'array "{name}" of {self.arrays.path}'
        if x.dtype.kind not in "fiub":
            raise DataError(f"{what} holds no numbers but {x.dtype}", hint=_MEND)
        if x.ndim in (1, 2) and not x.size:
            raise DataError(f"{what} has shape {x.shape}: no frame", hint=_MEND)
        if x.ndim not in (1, 2) or x.shape[-1] != self.output_dim:
            raise DataError(
                f"{what} has shape {x.shape}, not ({self.output_dim},) or (frames, {self.output_dim})", hint=_MEND
            )
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused below
            x_TD = torch.from_numpy(np.atleast_2d(x).astype(np.float32))
        if bad := int((~x_TD.isfinite()).sum()):
            raise DataError(f"{what} holds {bad} of {x_TD.numel()} numbers that are not finite in float32", hint=_MEND)
        return {NAME: x_TD}


_MEND = "Mend it, or continue without the utterance: --skip-bad"


def _few(arrays: Arrays) -> str:
    names = sorted(arrays.names)
    return f"{len(names)}, such as {', '.join(names[:3])}"
