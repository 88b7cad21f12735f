"""What a worker's children need is loaded before they are forked, and stays shared."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
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
from billiard.util import set_pdeathsig
set_pdeathsig(9)
from ledger import migrate
migrate.ScriptDirectory = None  # what reads the migrations again fails
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


@pytest.mark.skipif(sys.platform != "linux", reason="children differ elsewhere")
def test_a_child_loads_nothing_that_its_parent_has_not(
    ledger_url: str, valkey_url: str, tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[notpanel.default]\nkey = "k"\n')
    accounts.chmod(0o600)
    told = {
        "RESCIND_HOME": str(tmp_path),
        "RESCIND_ACCOUNTS": str(accounts),
        "RESCIND_REDIS_URL": valkey_url,
        "RESCIND_DATABASE_URL": ledger_url,
        "RESCIND_SEAL_KEY": new_key(),
    }
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_collector_of_a_child_leaves_alone_what_its_parent_made() -> None:
    import worker.signals

    assert worker.signals
    before = gc.get_freeze_count()
    try:
        worker_before_create_process.send(sender=None)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
