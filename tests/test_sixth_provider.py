"""What holds for every provider holds for one that a package adds, too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.plugins import ROOT, environment, install_sixth

GENERIC = (
    "tests/providers/test_registry.py",
    "tests/config/test_accounts.py",
    "tests/intake/test_validation.py",
    "tests/operations/test_credential_checks.py",
    "tests/dashboard/test_advice_and_formats.py",
    "tests/dashboard/test_submit_one.py",
    "tests/api/test_openapi.py",
)
"""Test files with tests for each provider of the registry."""


def test_the_generic_tests_hold_for_a_further_provider(tmp_path: Path) -> None:
    site = install_sixth(tmp_path)
    options = ("-q", "-n0", "-p", "no:cacheprovider", "-k", "sixth")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *GENERIC],
        cwd=ROOT,
        env={**environment(site), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 10
