"""Each modality must tell the mean frame of the others, so that both keep what they have in common."""

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from mer_core.config import PluginConfig
from mer_core.errors import SpecError
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin


class Translate(nn.Module):
    """From the mean frame of one modality to that of each other: 1 - cosine, averaged."""

    class Config(PluginConfig):
        """Options of `translate`."""

        hidden_dim: int = Field(default=128, ge=1)
        """Width of the hidden layer."""

    def __init__(self, config, *, fused_dim, num_classes, input_dims):
        super().__init__()
        if len(input_dims) < 2:
            raise SpecError("translate needs two modalities", hint="Use --aux none, or add a modality.")
        self.pairs = [(a, b) for a in sorted(input_dims) for b in sorted(input_dims) if a != b]
        self.heads = nn.ModuleDict(
            {
                f"{a}-{b}": nn.Sequential(
                    nn.Linear(input_dims[a], config.hidden_dim), nn.ReLU(), nn.Linear(config.hidden_dim, input_dims[b])
                )
                for a, b in self.pairs
            }
        )

    def forward(self, step):
        """Return the mean loss over pairs and utterances."""
        mean = {m: encoded.mean_BD() for m, encoded in step.encoded.items()}
        near = [functional.cosine_similarity(self.heads[f"{a}-{b}"](mean[a]), mean[b].detach()) for a, b in self.pairs]
        return 1.0 - torch.stack(near).mean()


@hookimpl
def mer_aux_tasks():
    yield Plugin("translate", "translate:Translate", "each modality tells the mean frame of the others")
