"""Other values for the options of a plugin, one option at a time: which of them change what `prepare` gives?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from mer_core.config import PluginConfig

_MOST = 2
"""Other values to try for an option."""


def variations(config: PluginConfig, more: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, PluginConfig]]:
    """Yield each option's name with a config in which only that option has another value.

    Args:
        config: where to start from.
        more: values that cannot be guessed, such as another checkpoint, by option.
    """
    properties = type(config).model_json_schema().get("properties", {})
    for name, schema in properties.items():
        values = more.get(name) or _others(getattr(config, name), schema)
        valid = [changed for value in values if (changed := _changed(config, name, value)) is not None]
        yield from ((name, changed) for changed in valid[: len(more.get(name, ())) or _MOST])


def _changed(config: PluginConfig, name: str, value: object) -> PluginConfig | None:
    try:
        changed = type(config).model_validate({**config.model_dump(), name: value})
    except ValidationError:
        return None
    return changed if changed != config else None


def _others(value: object, schema: Mapping[str, Any]) -> list[Any]:
    """Return values near to the one there is, of the kind that the option's schema asks for."""
    kinds = [schema, *schema.get("anyOf", [])]
    choices = [choice for kind in kinds for choice in kind.get("enum", [])]
    if choices:
        return choices
    if isinstance(value, bool):
        return [not value]
    names = {kind.get("type") for kind in kinds}
    if "integer" in names:
        number = value if isinstance(value, int) else 4
        return [max(1, number // 2), number + 1, 2 * number, number - 1, 0]
    if "number" in names:
        share = float(value) if isinstance(value, int | float) else 0.5
        return [share / 2, 2 * share, share + 0.1, share + 1.0]
    return []
