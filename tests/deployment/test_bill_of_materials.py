"""`make sbom` lists every package that is locked, in valid CycloneDX."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.files import ROOT
from tests.deployment.processes import BIN
from tests.test_project import PROJECT

MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")
LOCK = (ROOT / "requirements" / "runtime.txt").read_text()
VALIDATED = 3
"""Components that are validated: all have one form, and each takes its time."""


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command in the Makefile writes."""
    path: Path = tmp_path_factory.mktemp("bill") / "rescind.cdx.json"
    [options] = re.findall(r"(?m)^SBOM = (.+)$", MAKEFILE)
    program, *words = shlex.split(options)
    more = ("--no-validate", "--output-file", str(path), "requirements/runtime.txt")
    command = [str(BIN / program), *words, *more]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_locked_package_is_listed_with_its_hashes(bill: dict[str, Any]) -> None:
    entries = re.findall(
        r"(?m)^([\w.-]+)==(\S+)(?: ; [^\\]+)? \\\n((?:    --.*\n?)+)", LOCK
    )
    locked = {
        (name, version): set(re.findall(r"sha256:([0-9a-f]{64})", hashes))
        for name, version, hashes in entries
    }
    assert len(locked) == len(re.findall(r"(?m)^[\w.-]+==", LOCK))
    listed = {
        (one["name"], one["version"]): {
            digest["content"]
            for reference in one["externalReferences"]
            for digest in reference["hashes"]
            if digest["alg"] == "SHA-256"
        }
        for one in bill["components"]
    }
    assert listed == locked
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])


def test_it_is_the_bill_of_this_version(bill: dict[str, Any]) -> None:
    described = bill["metadata"]["component"]
    project = PROJECT["project"]
    assert (described["name"], described["version"]) == (
        project["name"],
        project["version"],
    )
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert "timestamp" not in bill["metadata"], "the same lock gives the same bill"


def test_it_is_valid_by_the_schema_of_cyclonedx(bill: dict[str, Any]) -> None:
    # Every process of the tests collects this file, and this import takes 3 s.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    few = bill["components"][:VALIDATED]
    refs = {"root-component", *(one["bom-ref"] for one in few)}
    graph = [one for one in bill["dependencies"] if one["ref"] in refs]
    part = {**bill, "components": few, "dependencies": graph}
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(part)) is None
    few[0]["type"] = "nonsense"
    assert validator.validate_str(json.dumps(part)) is not None


def test_make_sbom_writes_it_and_validates_it() -> None:
    recipe = MAKEFILE.partition("\nsbom:")[2].partition("\n\n")[0]
    assert "$(BIN)/$(SBOM) --output-file build/" in recipe
    assert "requirements/runtime.txt" in recipe
    assert "--no-validate" not in MAKEFILE
