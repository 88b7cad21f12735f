"""Accounts, schedules and an environment whose secrets are marked."""

from __future__ import annotations

import json
from pathlib import Path

from rescind.sandbox import Sandbox
from tests.canary.entries import refund
from tests.canary.marks import AWKWARD, STEM, marked
from tests.conftest import free_port

QUICK = """
connect_timeout = 2
read_timeout = 1
rate = "none"
read_rate = "none"
resend_delays = [0.1]
verify_delays = [0.1]
poll_delays = [0.1]
active_trusted_after = 0.2
queued_for = 0.5
verify_for = 1
poll_for = 1
trip_after = 100
backoff = [0.1]
"""
ENVIRONMENT = {
    "CANARY_HASH": marked("hash"),
    "CANARY_APP": marked("app"),
    # Letters and digits, in a length that base64 decodes without padding.
    "RESCIND_WEBHOOK_SECRET": f"whsec_{STEM}{'A' * 10}{STEM}",
    "RESCIND_WEBHOOK_HOSTS": "127.0.0.1:*",
    "RESCIND_WEBHOOK_PRIVATE": "true",
    "FLOWER_BASIC_AUTH": f"ann:{marked('flower')}",
    "FLOWER_PERSISTENT": "true",
    "FLOWER_STATE_SAVE_INTERVAL": "500",
}
API_TOKEN = marked("api-token")


def accounts(box: Sandbox, home: Path) -> Path:
    """Write the accounts file, readable only by its owner."""
    tables = lanes(box, home / "secret")
    path = home / "accounts.toml"
    path.write_text("\n".join(f"[{n}]\n{t}{QUICK}" for n, t in tables.items()))
    path.chmod(0o600)
    return path


def lanes(box: Sandbox, secret: Path) -> dict[str, str]:
    """Accounts with credentials of every form (written, from the environment, a file),
    which are accepted, refused, or lead to no server."""
    secret.write_text(f"{marked('file')}\n")
    secret.chmod(0o600)
    panel, web, meal = (box.base_url(n) for n in ("notpanel", "akinon", "dukkango"))
    env, file = '{ env = "%s" }', f'{{ file = "{secret}" }}'
    nowhere = f"http://127.0.0.1:{free_port()}"
    login = f'rest_secret_key = "wrong"\napp_secret_key = "{marked("wrong-app")}"'
    user = f'username = "{marked("user")}"\npassword = {json.dumps(AWKWARD)}'
    ship = f'access_token = "{marked("access")}"\nsecret_key = {file}'
    here = box.base_url("ithink")
    return {
        "iletimerkezi.default": f'key = "{marked("sms")}"\nhash = {env}\n'
        'base_url = "%s"' % ("CANARY_HASH", box.base_url("iletimerkezi")),
        "dukkango.default": f"app_secret_key = {env}\nrest_secret_key = {file}\n"
        f'base_url = "{meal}"' % "CANARY_APP",
        "dukkango.wrong": f'{login}\nbase_url = "{meal}"',
        "akinon.default": f'{user}\nbase_url = "{web}"',
        "akinon.static": f'token = "{marked("static")}"\nbase_url = "{web}"',
        "ithink.default": f'{ship}\nbase_url = "{here}"\ntrack_url = "{here}"',
        "notpanel.default": f'key = {file}\nbase_url = "{panel}"',
        "notpanel.down": f'key = "{marked("down")}"\nbase_url = "{nowhere}"',
    }


def schedules(home: Path) -> Path:
    """Rules whose sources cannot be reached, or refuse the query."""
    nowhere, key = f"127.0.0.1:{free_port()}", marked("feed")
    url = f"postgresql://ann:{marked('shop')}@{nowhere}/shop?sslmode=disable"
    headers = f'{{ Authorization = "{key}" }}'
    sources = {
        "by-sql": f'{{ sql = "SELECT 1", database = "{url}" }}',
        "by-wrong-url": f'{{ sql = "SELECT 1", database = "{url}&{key}={key}" }}',
        "by-feed": f'{{ url = "http://{nowhere}/?token={key}", format = "json",'
        f" headers = {headers} }}",
        "by-header": f'{{ url = "http://{nowhere}/", format = "json",'
        f' headers = {{ X = "{key}\\n" }} }}',
        "by-file": f'{{ file = "{home / "refunds.jsonl"}" }}',
    }
    rules = [
        f'[{name}]\nevery = "1h"\nmax = 5\nprovider = "akinon"\nsource = {source}\n'
        'map = { order = "order", params = "params", "metadata.x" = "x?" }\n'
        for name, source in sources.items()
    ]
    (home / "refunds.jsonl").write_text(json.dumps(refund(70_005)))
    path = home / "schedules.toml"
    path.write_text("\n".join(rules))
    path.chmod(0o600)
    return path
