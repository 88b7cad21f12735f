"""What a worker's children need is loaded before they are forked, and stays shared."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from celery.signals import worker_before_create_process

from ledger.seal import new_key

IN_A_CHILD = """
import os, sys
from worker.celery import app
app.loader.import_default_modules()
app.finalize()
from worker import sharing
sharing.prepare()
loaded = set(sys.modules)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
from celery.platforms import set_pdeathsig
set_pdeathsig("SIGKILL")
from ledger import migrate
migrate._HERE = None  # what looks at the migrations again fails
from providers import connection
connection.create_urllib3_context = None  # as does what reads the authorities
connection.prepare()
from worker.intake import take_in
from worker.runtime import runtime, utc_now
here = runtime()
entry = {"provider": "notpanel", "order": "1"}
take_in(here.engine, here.accounts, here.seal, [entry], utc_now())
print(*sorted(set(sys.modules) - loaded), end="", flush=True)
os._exit(0)
"""


def said(program: str, home: Path, urls: Mapping[str, str] | None = None) -> str:
    """What ``program`` prints in a home of its own."""
    accounts = home / "accounts.toml"
    accounts.write_text('[notpanel.default]\nkey = "k"\n')
    accounts.chmod(0o600)
    told = {
        "RESCIND_HOME": str(home),
        "RESCIND_ACCOUNTS": str(accounts),
        "RESCIND_REDIS_URL": "redis://127.0.0.1:1/0",
        "RESCIND_DATABASE_URL": f"sqlite:///{home / 'ledger.db'}",
        "RESCIND_SEAL_KEY": new_key(),
        **(urls or {}),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="children differ elsewhere")
def test_a_child_loads_nothing_that_its_parent_has_not(
    ledger_url: str, valkey_url: str, tmp_path: Path
) -> None:
    urls = {"RESCIND_REDIS_URL": valkey_url, "RESCIND_DATABASE_URL": ledger_url}
    assert said(IN_A_CHILD, tmp_path, urls) == ""


WITH_ITS_PARENT = """
import ctypes
from celery.platforms import set_pdeathsig
from worker import sharing
sharing.prepare()
set_pdeathsig("SIGKILL")
told = ctypes.c_int()
PR_GET_PDEATHSIG = 2
ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(told), 0, 0, 0)
print(told.value, end="")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that does so")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    assert said(WITH_ITS_PARENT, tmp_path) == str(int(signal.SIGKILL))


WITH_SQLITE = """
import sys
from worker.celery import app
app.loader.import_default_modules()
from worker import sharing
sharing.prepare()
print(*sorted({"alembic", "psycopg", "pycparser"} & set(sys.modules)), end="")
"""


def test_a_worker_on_sqlite_loads_nothing_that_only_others_need(tmp_path: Path) -> None:
    assert said(WITH_SQLITE, tmp_path) == ""


def test_the_collector_of_a_child_leaves_alone_what_its_parent_made() -> None:
    import worker.signals

    assert worker.signals
    before = gc.get_freeze_count()
    try:
        worker_before_create_process.send(sender=None)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
