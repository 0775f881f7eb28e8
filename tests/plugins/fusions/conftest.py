import pytest
import torch

from mer_core.types import Encoded


@pytest.fixture
def encode():
    """Random encodings: `encode(dims={"audio": 8}, lengths={"audio": [3, 5]})`."""

    def make(dims, lengths, *, seed=0, dtype=torch.float32, grad=False):
        source = torch.Generator().manual_seed(seed)
        encoded = {}
        for modality, dim in dims.items():
            lengths_B = torch.tensor(lengths[modality])
            longest = int(lengths_B.max())
            x_BTD = torch.randn(len(lengths_B), longest, dim, generator=source).to(dtype).requires_grad_(grad)
            encoded[modality] = Encoded(x_BTD, torch.arange(longest) < lengths_B[:, None])
        return encoded

    return make


@pytest.fixture
def pad():
    """Lengthen encodings with frames of garbage that the mask hides."""

    def make(encoded, extra, *, value=1e3):
        padded = {}
        for number, (modality, part) in enumerate(encoded.items(), start=1):
            size, frames, dim = part.x_BTD.shape
            x_BTD = torch.full((size, frames + extra * number, dim), value, dtype=part.x_BTD.dtype)
            mask_BT = torch.zeros(size, frames + extra * number, dtype=torch.bool)
            x_BTD[:, :frames], mask_BT[:, :frames] = part.x_BTD.detach(), part.mask_BT
            x_BTD[~mask_BT] = value
            padded[modality] = Encoded(x_BTD.requires_grad_(), mask_BT)
        return padded

    return make


@pytest.fixture
def singly():
    """Each utterance's real frames alone, without padding: a list of {modality: x_1TD}."""

    def make(encoded):
        size = len(next(iter(encoded.values())).mask_BT)
        return [{m: e.x_BTD[i][e.mask_BT[i]][None] for m, e in encoded.items()} for i in range(size)]

    return make


@pytest.fixture
def shake():
    """Draw every parameter anew: some start at zero or one, where a mistake in them would not show."""

    def make(module):
        source = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=source, dtype=torch.float64))
        return module.double().eval()

    return make
