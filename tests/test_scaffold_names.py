"""``rescind new-provider`` writes a whole package for each name that it accepts."""

from __future__ import annotations

import ast
import builtins
import keyword
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescind.errors.reported import CommandError
from rescind.provider.discovery import NAME
from rescind.scaffold.new_provider import write_package


def modules(folder: Path) -> dict[str, ast.Module]:
    """The parsed Python files of a package. Raises ``SyntaxError``."""
    paths = sorted(folder.rglob("*.py"))
    return {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def bound(module: ast.Module) -> Iterator[str]:
    """Each name that the module's own statements bind, once for each of them."""
    for one in module.body:
        match one:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def in_scope() -> list[str]:
    """Names of providers that are like a name in the modules, a keyword or a builtin:
    ``unreadable_reply_error`` for ``UnreadableReplyError``."""
    with tempfile.TemporaryDirectory() as folder:
        written = modules(write_package("x", Path(folder)))
    names = [name for module in written.values() for name in bound(module)]
    words = [*names, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)]
    snake = ["".join(f"_{c}" if c.isupper() else c for c in one) for one in words]
    made = {form.strip("_").lower() for one in (words, snake) for form in one}
    return sorted(name for name in made if NAME.fullmatch(name))


ACCEPTED = st.sampled_from(in_scope()) | st.from_regex(NAME, fullmatch=True)


@given(name=ACCEPTED)
@example("order")
@example("held")
@example("none")
@settings(max_examples=30)
def test_no_accepted_name_hides_another_name_of_a_module(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = write_package(name, Path(folder))
        except CommandError:
            assert not list(Path(folder).iterdir())
            return
        for file, module in modules(package).items():
            twice = [one for one, n in Counter(bound(module)).items() if n > 1]
            assert not twice, f"{file} binds {twice} twice"
            hidden = set(bound(module)) & set(dir(builtins))
            assert not hidden - {"__doc__"}, f"{file} hides {hidden}"


@given(name=ACCEPTED)
@example("order")
@settings(max_examples=10)
def test_the_entry_points_name_classes_that_are_there(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = write_package(name, Path(folder))
        except CommandError:
            return
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        written = modules(package / "src")
        for group in ("rescind.providers", "rescind.simulations"):
            module, _, kind = project["entry-points"][group][name].partition(":")
            file = f"{module.rpartition('.')[2]}.py"
            assert kind in bound(written[file])
