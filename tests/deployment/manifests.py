"""What the chart makes for several values, as Kubernetes would get it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from tests.deployment.files import ROOT

Manifest = dict[str, Any]
needs_helm = pytest.mark.skipif(
    find_spec("helm_python") is None,
    reason="helm-python-sdk has no wheel for this machine",
)
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "whole": {
        "image": {"digest": f"sha256:{'0' * 64}"},
        "imagePullSecrets": [{"name": "registry"}],
        "accounts": {"envSecrets": ["credentials"], "filesSecret": "files"},
        "schedules": {"configMap": "schedules"},
        "plans": {"configMap": "plans"},
        "settings": {
            "RESCIND_LOG_FORMAT": "logfmt",
            "RESCIND_OIDC_ISSUER": "https://login.example.com",
            "RESCIND_WEBHOOK_PRIVATE": True,
        },
        "autoscaling": {"enabled": True, "authentication": "prometheus"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "orders", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"example.com/team": "orders"},
        "networkPolicy": {
            "redis": {"ports": [6379, 26379], "to": [{"podSelector": {}}]},
            "workerEgress": [{"ports": [{"protocol": "TCP", "port": 5433}]}],
        },
    },
    "small": {"flower": {"enabled": False}, "networkPolicy": {"enabled": False}},
}
REFUSED: dict[str, dict[str, Any]] = {
    "a secret among the settings": {"settings": {"RESCIND_SEAL_KEY": "x"}},
    "a setting that does not exist": {"settings": {"RESCIND_RETENTON": "1d"}},
    "a misspelt value": {"worker": {"replica": 3}},
    "a part that does not exist": {"redis": {"enabled": True}},
    "a privileged port": {"api": {"port": 80}},
    "root": {"user": 0},
}


@dataclass(frozen=True)
class Chart:
    """The chart with one set of values."""

    objects: list[Manifest]
    faults: list[str]
    refused: str = ""

    def of_kind(self, *kinds: str) -> list[Manifest]:
        return [one for one in self.objects if one["kind"] in kinds]

    def one(self, kind: str, name: str) -> Manifest:
        """The object with this kind and this end of its name."""
        ends = f"-{name}"
        [found] = [
            one for one in self.of_kind(kind) if one["metadata"]["name"].endswith(ends)
        ]
        return found

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Each component with its pod, as Deployments and Jobs describe it."""
        for one in self.of_kind("Deployment", "Job"):
            pod = one["spec"]["template"]
            yield pod["metadata"]["labels"]["app.kubernetes.io/component"], pod


@cache
def charts() -> Mapping[str, Chart]:
    """The chart for each of ``VARIANTS`` and ``REFUSED``, rendered at once."""
    asked = {**VARIANTS, **REFUSED}
    done = subprocess.run(
        [sys.executable, "-m", "tests.deployment.render_chart"],
        cwd=ROOT,
        input=json.dumps(list(asked.values())),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(zip(asked, map(_chart, json.loads(done.stdout)), strict=True))


def _chart(said: dict[str, Any]) -> Chart:
    if "refused" in said:
        return Chart([], [], said["refused"])
    texts = [text for name, text in said["files"].items() if name.endswith(".yaml")]
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]
    return Chart(objects, said["faults"])


def container(pod: Manifest) -> Manifest:
    """The only container of a pod."""
    [found] = pod["spec"]["containers"]
    return dict(found)


def variables(pod: Manifest) -> dict[str, Any]:
    """The container's variables: each with its text, or with where it comes from."""
    its = container(pod)["env"]
    names = [one["name"] for one in its]
    assert len(names) == len(set(names)), "a variable is given twice"
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in its}
