"""The core of mer: contracts, registry, composition, training, evaluation and reports. It knows no plugin by name."""

from typing import Final

API_VERSION: Final = "1.2"
"""Version of what plugins are written against, by the rules of semantic versioning: `mer_core.protocols`, `types`,
`config`, `errors`, `hookspec`, `plugin` and `testing`. `MER_API = ">=1,<2"` in a plugin module says what it supports.
"""
