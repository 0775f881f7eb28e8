"""Writes docs/reference/ from the code, and fills the file blocks of README and docs: `python docs/generate.py`.

A block with `<!-- file: PATH -->` above it holds that file (PATH from the repository's root). The tests fail when a
committed page differs from what this script would write.
"""

import inspect
import re
import runpy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from typer.models import ArgumentInfo, ParameterInfo

from mer_cli.app import app
from mer_core import API_VERSION, hookspec, spec
from mer_core.data.protocol import in_words, protocol_hash
from mer_core.describe import describe
from mer_core.hookspec import HOOKS
from mer_core.manager import PluginManager
from mer_core.plugin import KINDS
from mer_core.registry import load_registry, shipped_file
from mer_core.testing.contracts.check import CONTRACTS, check_name, check_names

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
BLOCK = re.compile(r"(<!-- file: (\S+) -->\n+```\w+\n)(.*?)(```\n)", re.DOTALL)
NOTE = "<!-- Written by docs/generate.py from the code. Change the docstring or help text there, then run it again. -->"
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
TABLES: dict[str, tuple[type[BaseModel], str]] = {
    "[pipelines.NAME]": (spec.PipelineSpec, ""),
    "[pipelines.NAME.train]": (spec.TrainSpec, ""),
    "[pipelines.NAME.single]": (spec.SingleSpec, ""),
    "[[pipelines.NAME.stages]]": (spec.StageSpec, ""),
    "A part": (
        spec.PartSpec,
        'Data, encoders, fusion and evaluators are parts: `{ use = "NAME", … }`. The part\'s options stand beside its '
        "name: see [plugins](plugins.md).",
    ),
    "An auxiliary task": (spec.AuxSpec, "A part with a weight."),
    "[protocols.NAME]": (spec.ProtocolSpec, ""),
    "[tables.NAME]": (spec.TableSpec, ""),
    "[tables.NAME.rows.ROW]": (spec.RowSpec, ""),
    "[tables.NAME.rows.ROW.published]": (spec.PublishedSpec, ""),
    "[plugins]": (spec.PluginsSpec, ""),
}
INTRO = {
    "plugins": "The plugins that ship. `mer show-plugin NAME` shows the same for any plugin that is installed.",
    "catalogue": "Every plugin that ships, and those of the example packages: where it comes from, its options with "
    "their defaults, and what differs from its source. The name leads to the full description.",
    "registry": "What a registry file may say. `registry.toml` in the working folder, or `--registry FILE`, is laid "
    "over the one that ships, key by key; a table with `use` replaces the one below it as a whole. On the command line "
    "`--set fusion.layers=3` sets a key of the pipeline that runs. A key that is not in these tables is an error.",
    "protocols": "The protocols that ship, as `mer protocol show NAME` says them. `mer run --protocol NAME` uses one; "
    "`--folds` and `--select` change it; tables `[protocols.NAME]` of [a registry file](registry.md) add others. The "
    "hash is of all that a protocol says; it stands, with that of the utterances of each fold, in every run and table. "
    "Why: [protocol and selection](../explanation/protocol.md).",
    "command-line": "Every command, as `mer COMMAND --help` shows it. Exit codes: 0 done, 1 a plugin breaks a promise, "
    "an audit with --strict finds something severe, a fold of a table failed, or a fault of ours (with a "
    "traceback), 2 something you can mend (one screen: fact, place, remedy), "
    "130 interrupted.",
    "contracts": "What every plugin of a kind promises, as `mer check-plugin NAME` and the contract classes of "
    "`mer_core.testing` check it. The methods and values that a class must have are in "
    "[`mer_core/protocols.py`](../../mer_core/protocols.py), the values they exchange in "
    "[`mer_core/types.py`](../../mer_core/types.py).",
    "hooks": "A plugin module has one function per kind that it has plugins for, marked with `hookimpl`, which yields "
    "`Plugin` descriptors. Packages name that module under the entry point group `mer`; "
    "a single file is named in `[plugins] files` of a registry file.",
    "api": "What a plugin may build on. Versions are semantic: what is removed, changed or newly demanded of a plugin "
    "raises the first number, an addition the second. A module of plugins says what it supports with "
    '`MER_API = ">=1,<2"`; without that line it is taken to support every version. A test compares these names with '
    "the last snapshot and "
    "fails when they change without the version. Everything else in `mer_core` may change at any time; of that, an "
    "encoder may use `mer_core.data.audio.load_audio`, which is meant to stay. The checks of the contracts are "
    "[listed apart](contracts.md).",
}


def reference() -> dict[str, str]:
    """Return every page of the reference by its file name."""
    bodies = {
        "plugins": plugins(),
        "catalogue": catalogue(),
        "registry": registry(),
        "protocols": protocols(),
        "command-line": commands(),
        "contracts": contracts(),
        "hooks": hooks(),
        "api": api(),
    }
    titles = {name: name.replace("-", " ").capitalize() for name in bodies} | {"api": "Plugin API"}
    return {
        f"{name}.md": "\n\n".join([f"# {titles[name]}", NOTE, INTRO[name], *body]) + "\n"
        for name, body in bodies.items()
    }


def plugins() -> Iterator[str]:
    """Yield a section per kind and plugin that ships."""
    manager = PluginManager(discover=False, modules=["mer_plugins.hooks"])
    for kind in KINDS:
        yield f"## {kind}"
        for found in manager.all(kind):
            about = describe(found.plugin)
            yield f"### {found.plugin.name}"
            yield about.doc
            if about.options:
                yield table(
                    ["option", "type", "default", "meaning"],
                    (
                        [code(o.name), code(f"{o.type} {o.bounds}".strip()), default(o.default), prose(o.meaning)]
                        for o in about.options
                    ),
                )
            yield f"Code: [`{found.plugin.target}`](../../{about.file.relative_to(ROOT).as_posix()})"


def catalogue() -> Iterator[str]:
    """Yield a table per kind, with a row per plugin."""
    entries = list(runpy.run_path(str(ROOT / "docs" / "catalogue.py"))["entries"]())
    for kind in KINDS:
        yield f"## {kind}"
        yield table(
            ["plugin", "what it does", "source", "options", "differs from the paper"],
            (
                [
                    f"[`{entry.name}`]({entry.page})",
                    entry.summary,
                    entry.source,
                    ", ".join(f"{code(name)} {default(value)}" for name, value in entry.options.items()) or "none",
                    entry.differs or "—",
                ]
                for entry in entries
                if entry.kind == kind
            ),
        )


def registry() -> Iterator[str]:
    """Yield a section per table of a registry file."""
    for name, (model, words) in TABLES.items():
        yield f"## {name}"
        yield words or inspect.cleandoc(model.__doc__ or "")
        schema = model.model_json_schema()
        required = schema.get("required", [])
        rows = (
            [code(key), code(json_type(field)), registry_default(field, key in required), prose(field["description"])]
            for key, field in schema["properties"].items()
        )
        yield table(["key", "type", "default", "meaning"], rows)


def protocols() -> Iterator[str]:
    """Yield a section per protocol that ships, in words."""
    for name, one in load_registry(shipped_file()).spec.protocols.items():
        yield f"## {name}"
        yield f"{one.summary[:1].upper()}{one.summary[1:]}. Hash: {code(protocol_hash(one))}"
        yield "\n".join(f"- {sentence}" for sentence in in_words(one))


def json_type(field: dict[str, Any]) -> str:
    """Return a JSON schema's type in the words of a registry file."""
    if "$ref" in field:
        return "table"
    if "enum" in field:
        return " | ".join(f'"{value}"' for value in field["enum"])
    if "anyOf" in field:
        return " | ".join(json_type(one) for one in field["anyOf"] if one.get("type") != "null")
    if "prefixItems" in field:
        return f"[{', '.join(map(json_type, field['prefixItems']))}]"
    if field["type"] == "array":
        return f"list of {json_type(field['items'])}"
    bounds = ", ".join(f"{sign} {field[key]:g}" for key, sign in BOUNDS.items() if key in field)
    names = {"object": "table", "string": "text", "integer": "int", "number": "float", "boolean": "bool"}
    return f"{names[field['type']]} {bounds}".strip()


def registry_default(field: dict[str, Any], is_required: bool) -> str:
    """Return the default of a key; a table's own keys have theirs."""
    value = field.get("default")
    if is_required:
        return "required"
    if value is None or isinstance(value, dict):
        return "—"
    return code(str(value).lower() if isinstance(value, bool) else f"{value!r}".replace("'", '"'))


def commands() -> Iterator[str]:
    """Yield a section per command, from the functions: typer's own view of them differs between its versions."""
    for command in app.registered_commands:
        assert command.callback is not None
        parameters = [row for row in map(parameter, signature(command.callback)) if row]
        arguments = [row.name for row in parameters if not row.name.startswith("--")]
        yield f"## mer {command.name}"
        yield code(" ".join(["mer", str(command.name), *arguments, "[OPTIONS]"]))
        yield inspect.getdoc(command.callback) or ""
        cells = ([code(row.name), code(row.written), row.default, prose(row.meaning)] for row in parameters)
        yield table(["", "value", "default", "meaning"], cells)


def signature(function: Callable[..., Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, annotation and default of a command's parameters."""
    hints = get_type_hints(function, include_extras=True)
    for name, one in inspect.signature(function).parameters.items():
        yield name, hints[name], one.default


@dataclass(frozen=True)
class Parameter:
    """An option or an argument of a command, in words."""

    name: str
    written: str
    default: str
    meaning: str


def parameter(described: tuple[str, Any, Any]) -> Parameter | None:
    """Return the words for a parameter; None for typer's own context."""
    name, annotation, value = described
    info = next((m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, ParameterInfo)), None)
    if info is None:
        return None
    kind = next((one for one in get_args(annotation.__origin__) if one is not type(None)), annotation.__origin__)
    written = info.metavar or "|".join(choices(annotation)) or getattr(kind, "__name__", "")
    shown = code(str(getattr(value, "value", value))) if value not in (None, False) else "—"
    told, meaning = "required" if value is inspect.Parameter.empty else shown, info.help or ""
    if isinstance(info, ArgumentInfo):
        return Parameter(info.metavar or name.upper(), "", told, meaning)
    # Inside Annotated, typer takes the first name in the place of a default.
    named = [str(one) for one in (info.default, *(info.param_decls or ())) if str(one).startswith("--")]
    flag = named[0] if named else "--" + name.replace("_", "-")
    return Parameter(flag, "" if kind is bool else str(written), told, meaning)


def choices(annotation: Any) -> list[str]:
    """Return what a parameter of a Literal or an Enum type may be, through Annotated and `| None`."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(one.value) for one in annotation]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) is Annotated:
        return choices(annotation.__origin__)
    return [choice for one in get_args(annotation) for choice in choices(one)]


def contracts() -> Iterator[str]:
    """Yield a section per contract with all its checks."""
    for kind, contract in CONTRACTS.items():
        yield f"## {kind}: `{contract.__name__}`"
        words, is_code, example = inspect.cleandoc(contract.__doc__ or "").partition("\nclass ")
        yield words + (f"\n```python\nclass {example}\n```" if is_code else "")
        rows = []
        for method in check_names(contract):
            promise, _, mend = inspect.cleandoc(getattr(contract, method).__doc__ or "").partition("Mend:")
            rows.append([code(check_name(method)), prose(promise), prose(mend)])
        yield table(["check", "promise", "what usually breaks it, and how to mend it"], rows)


def hooks() -> Iterator[str]:
    """Yield the hooks, and what a descriptor says."""
    rows = (
        [code(f"{hook}()"), kind, prose(inspect.getdoc(getattr(hookspec, hook)) or "")] for kind, hook in HOOKS.items()
    )
    yield table(["hook", "kind", "yields"], rows)
    yield "<!-- file: docs/snippets/own-fusion/my_fusion.py -->\n```python\n```"
    from mer_core.plugin import Plugin

    yield "## Plugin"
    doc = inspect.cleandoc(Plugin.__doc__ or "")
    head, _, rest = doc.partition("\n\nArgs:\n")
    arguments, _, raises = rest.partition("\n\nRaises:\n")
    yield head
    yield "\n".join(f"- `{name}`: {text}" for name, _, text in map(_split, arguments.splitlines()))
    yield f"Raises {prose(raises)}"


def api() -> Iterator[str]:
    """Yield a section per stable module, as the snapshot that a test compares has it."""
    yield f"This is plugin API {API_VERSION}."
    surface = runpy.run_path(str(ROOT / "scripts" / "api_surface.py"))["surface"]()
    modules: dict[str, list[str]] = {}
    for name, declared in surface.items():
        if ".test_" not in name:  # the checks have a page of their own
            module = re.match(r"mer_core\.\w+", name)
            assert module is not None
            modules.setdefault(module[0], []).append(name.removeprefix(f"{module[0]}.") + declared)
    for module_name, lines in modules.items():
        yield f"## {module_name}"
        yield "```text\n" + "\n".join(lines) + "\n```"


def _split(line: str) -> tuple[str, str, str]:
    return line.strip().partition(": ")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Return text as code."""
    return f"`{text}`" if text else ""


def default(text: str | None) -> str:
    """Return an option's default."""
    return "required" if text is None else code(text)


def prose(text: str) -> str:
    """Return a docstring on one line."""
    return " ".join(text.split())


def filled(text: str) -> str:
    """Return a page with its file blocks filled."""

    def put(match: re.Match[str]) -> str:
        content = (ROOT / match[2]).read_text(encoding="utf-8").rstrip("\n")
        return f"{match[1]}{content}\n{match[4]}"

    return BLOCK.sub(put, text)


def hand_written() -> list[Path]:
    """Return the pages that people write: README and docs without the reference and the examples."""
    pages = (ROOT / "docs").rglob("*.md")
    return [ROOT / "README.md", *sorted(p for p in pages if not {"reference", "examples"} & set(p.parts))]


def pages() -> dict[Path, str]:
    """Return every page that this script writes, as it should be."""
    written = {page: filled(page.read_text(encoding="utf-8")) for page in hand_written()}
    return written | {REFERENCE / name: filled(text) for name, text in reference().items()}


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
