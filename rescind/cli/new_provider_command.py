"""``rescind new-provider``: writes the package of a new provider."""

from __future__ import annotations

from typing import Annotated

import typer


def new_provider(
    name: Annotated[
        str,
        typer.Argument(help="The provider's name: small letters, digits and _."),
    ],
    into: Annotated[
        str, typer.Option(metavar="DIR", help="The folder that gets the new one.")
    ] = ".",
) -> None:
    """Write a package that adds a provider, with tests that pass.

    docs/adding-a-provider.md says how it goes on.
    """
    from pathlib import Path

    from rescind.cli import output
    from rescind.scaffold.new_provider import write_package

    folder = write_package(name, Path(into))
    output.emit(f"{folder} is written. To go on:")
    output.emit(f"  pip install -e '{folder}[dev]'")
    output.emit(f"  pytest {folder}")
    output.emit(f"  rescind demo --provider {name}")
