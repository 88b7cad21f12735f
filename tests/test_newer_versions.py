"""`make test-latest` says which versions differ from the pinned ones."""

from __future__ import annotations

from tests.newer_versions import PINS, differences, versions


def test_only_packages_with_another_version_are_named() -> None:
    pinned = "celery==5.7.0 \\\n    --hash=sha256:ab\nRuff==0.17.1 ; python_version\n"
    installed = "celery==5.7.3\nruff==0.17.1\nnew_one==1.0\n-e git+x#egg=rescind\n"
    assert list(differences(pinned, installed)) == [
        "celery: 5.7.0 -> 5.7.3",
        "new-one: absent -> 1.0",
    ]


def test_the_pins_can_be_read() -> None:
    assert {"celery", "ruff", "uvicorn"} <= versions(PINS.read_text()).keys()
