"""``python -m bench.monitoring``: pictures of the Grafana dashboard's panels.

It runs a system with several lanes in trouble and lanes at rest, lets Debian's
Prometheus scrape it, draws every panel from the JSON, and has Chromium picture the
page.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.monitoring.panel_page import WIDTH, height, page
from bench.monitoring.panel_queries import Prometheus
from bench.monitoring.troubled_system import Troubled, troubled
from bench.processes import ROOT, Group
from rescind.system.embedded_redis import free_port

DASHBOARD = ROOT / "deploy" / "grafana" / "rescind.json"
RULES = ROOT / "deploy" / "prometheus"
EVERY_SECONDS = 2.0
PICTURE_SECONDS = 120
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
    *("--hide-scrollbars", "--no-first-run", "--disable-background-networking"),
)


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(argv)
    dashboard = json.loads(DASHBOARD.read_text())
    with tempfile.TemporaryDirectory(prefix="rescind-panels-") as name:
        home = Path(name)
        given.page.write_text(observed(home, dashboard, given.seconds))
        picture(given.page, given.picture, height(dashboard))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="python -m bench.monitoring", description=__doc__
    )
    made.add_argument("--picture", type=Path, required=True, help="a PNG to write")
    made.add_argument("--page", type=Path, required=True, help="its HTML, to write")
    made.add_argument("--seconds", type=int, default=150, help="how long the load is")
    return made.parse_args(argv)


def observed(home: Path, dashboard: dict[str, Any], seconds: int) -> str:
    """The page with the panels after a load of so many seconds."""
    with troubled(home) as one, scraping(home, one) as url:
        began = time.time()
        one.work(seconds)
        every = EVERY_SECONDS
        return page(dashboard, Prometheus(url, began, time.time(), every, every))


@contextmanager
def scraping(home: Path, one: Troubled) -> Iterator[str]:
    """Debian's Prometheus, with the configuration of the example."""
    folder = home / "prometheus"
    folder.mkdir()
    example = yaml.safe_load((RULES / "prometheus.yml").read_text())
    example["global"]["scrape_interval"] = f"{EVERY_SECONDS:.0f}s"
    [scrape] = example["scrape_configs"]
    scrape["scrape_timeout"] = f"{EVERY_SECONDS:.0f}s"
    scrape["static_configs"] = [{"targets": [one.api_url.partition("//")[2]]}]
    shutil.copy(RULES / "rescind.rules.yml", folder)
    (folder / "rescind.token").write_text(one.token)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(example))
    address = f"127.0.0.1:{free_port()}"
    command = (
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    )
    with Group(command, {}, folder / "log"):
        yield f"http://{address}"


def picture(source: Path, target: Path, pixels: int) -> None:
    """Have Chromium picture a page."""
    size = f"--window-size={WIDTH},{pixels}"
    options = (size, f"--screenshot={target.resolve()}")
    subprocess.run(
        [*CHROMIUM, *options, source.resolve().as_uri()],
        check=True,
        capture_output=True,
        timeout=PICTURE_SECONDS,
    )
    smaller = shutil.which("pngquant")
    if smaller:
        name = str(target)
        subprocess.run([smaller, "--force", "--output", name, "32", name], check=True)


if __name__ == "__main__":
    main()
