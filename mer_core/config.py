"""The base of every plugin's options. Imports no torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class PluginConfig(BaseModel):
    """Options of one plugin: frozen, typed, and closed, so that a misspelt option fails before a model is loaded.

    Give each field a type, a default and a docstring below it with its meaning and unit: `mer show-plugin` prints them.

        class Config(PluginConfig):
            heads: int = Field(default=8, ge=1)
            \"\"\"Attention heads; must divide every input width.\"\"\"
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
