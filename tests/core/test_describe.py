"""Options read from source text must be those that pydantic makes of it."""

import json
import sys

import pytest
from pydantic_core import PydanticUndefined

from mer_core.describe import describe
from mer_core.errors import PluginError
from mer_core.manager import PluginManager
from mer_core.plugin import Plugin

BUILTIN = PluginManager(discover=False, modules=["mer_plugins.hooks"]).all()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a package that fails when it is imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**sources):
        folder = tmp_path / "strange"
        folder.mkdir()
        for name, source in {"__init__": "", **sources}.items():
            (folder / f"{name}.py").write_text(f"raise RuntimeError('imported')\n{source}")
        return folder

    return write


def options(target):
    return {option.name: option for option in describe(Plugin("x", target, "")).options}


@pytest.mark.parametrize("found", BUILTIN, ids=lambda found: found.plugin.name)
def test_every_builtin_is_described_as_its_config_is(found):
    description = describe(found.plugin)
    fields = found.plugin.load().Config.model_fields
    assert [option.name for option in description.options] == list(fields)
    for option in description.options:
        field = fields[option.name]
        assert option.meaning == " ".join(field.description.split())
        assert (option.default is None) == (field.default is PydanticUndefined)
        if option.default is not None and option.default != "None":
            assert json.loads(option.default) == json.loads(json.dumps(field.default)), "tuples are shown as lists"
    assert description.doc
    assert description.file.read_text().splitlines()[description.line - 1].startswith("class ")


def test_nothing_is_imported(package):
    package(a="class A:\n  '''What it is.'''\n  class Config:\n    n: int = 3\n    '''How many.'''\n")
    description = describe(Plugin("x", "strange.a:A", ""))
    assert description.doc == "What it is."
    assert [(o.name, o.type, o.default, o.meaning) for o in description.options] == [("n", "int", "3", "How many.")]
    assert "strange" not in sys.modules


def test_bases_are_followed_into_other_modules(package):
    package(
        base="""
from pydantic import Field
from typing import Literal
Mode = Literal['soft', "hard"]
SIZE = 7
class Options:
    mode: Mode | None = None
    '''From the base.'''
    size: int = Field(SIZE, ge=1)
    '''Of the base.'''
class Base:
    class Config(Options):
        depth: int = 1
""",
        a="""
from . import base
from .base import Base, Options as Common
class Nested(Base):
    class Config(Base.Config):
        size: int = 9
        '''Of the child.'''
class Inherits(base.Base):
    pass
class Assigned:
    Config = Common
""",
    )
    nested = options("strange.a:Nested")
    assert list(nested) == ["mode", "size", "depth"]
    assert (nested["mode"].type, nested["mode"].default) == ('"soft" | "hard" | None', "None")
    assert (nested["size"].default, nested["size"].meaning) == ("9", "Of the child.")
    assert list(options("strange.a:Inherits")) == ["mode", "size", "depth"]
    assert list(options("strange.a:Assigned")) == ["mode", "size"]
    assert (options("strange.a:Assigned")["size"].default, options("strange.a:Assigned")["size"].bounds) == (
        "7",
        ">= 1",
    )


def test_every_way_to_write_a_field(package):
    package(
        a="""
from typing import Annotated, ClassVar
from pydantic import Field
class A:
    class Config:
        model_config = {}
        KIND: ClassVar[str] = "a"
        _hidden: int = 1
        needed: str
        field_needed: int = Field(ge=0)
        dots: int = Field(..., lt=5)
        bounded: Annotated[float, Field(gt=0, le=1)] = 0.5
        made: list[str] = Field(default_factory=list, min_length=1, max_length=3)
        flag: bool = True
        text: str = 'soft'
        wide: int = Field(default=1, multiple_of=2, description="From the description.")
        plain: int = 2
"""
    )
    found = options("strange.a:A")
    assert {name: (o.type, o.default, o.bounds) for name, o in found.items()} == {
        "needed": ("str", None, ""),
        "field_needed": ("int", None, ">= 0"),
        "dots": ("int", None, "< 5"),
        "bounded": ("float", "0.5", "> 0, <= 1"),
        "made": ("list[str]", "list()", "at least 1 long, at most 3 long"),
        "flag": ("bool", "true", ""),
        "text": ("str", '"soft"', ""),
        "wide": ("int", "1", "multiple of 2"),
        "plain": ("int", "2", ""),
    }
    assert found["wide"].meaning == "From the description."


def test_a_class_that_its_package_passes_on(package):
    package(inner="class Real:\n  class Config:\n    n: int = 1\n", a="from strange.inner import Real as Shown\n")
    assert list(options("strange.a:Shown")) == ["n"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("strange.a:B", "there is no class B in the source of strange.a"),
        ("strange.none:A", "there is no class A in the source of strange.none"),
        ("no_such_package.a:A", "there is no class A in the source of no_such_package.a"),
        ("strange.damaged:A", "cannot be read: .*damaged"),
    ],
)
def test_what_cannot_be_described_is_said(package, target, message):
    package(a="class A: pass\n", damaged="class A(:\n")
    with pytest.raises(PluginError, match=message) as caught:
        describe(Plugin("x", target, ""))
    assert target in caught.value.hint
