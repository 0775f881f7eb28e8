import torch
from torch import nn

from mer_core.config import PluginConfig
from mer_core.hookspec import hookimpl
from mer_core.plugin import Plugin


class Product(nn.Module):
    class Config(PluginConfig):
        dim: int = 64
        """Width of the fused vector."""

    order_free = True  # a mean over time knows no order of frames

    def __init__(self, config, *, input_dims):
        super().__init__()
        self.output_dim = config.dim
        self.project = nn.ModuleDict({m: nn.Linear(dim, config.dim) for m, dim in sorted(input_dims.items())})

    def forward(self, encoded):
        return torch.stack([self.project[m](encoded[m].mean_BD()).tanh() for m in sorted(encoded)]).prod(0)


@hookimpl
def mer_fusions():
    yield Plugin("product", "my_fusion:Product", "product of the projected means over time")
