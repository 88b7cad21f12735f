"""``python -m tests.deployment.render_chart`` renders the chart by Helm's own engine.

It reads a list of values from standard input, as JSON, and writes for each its
manifests, what the linter says of it, or why Helm refuses it. It is a process of its
own, because the engine is a Go library, which a test process should not load.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

CHART = Path(__file__).parent.parent.parent / "deploy" / "helm" / "rescind"


def rendered(values: dict[str, Any]) -> dict[str, Any]:
    helm = import_module("helm_python")
    try:
        with helm.Chart.load(CHART) as chart:
            found = chart.render(values, name="shop", namespace="orders")
    except helm.HelmError as error:
        return {"refused": str(error)}
    said = helm.lint(CHART, values, strict=True)
    faults = [one["error"] for one in said["messages"] if one["severity"] > 1]
    return {"files": found, "faults": [*faults, *said["errors"]]}


if __name__ == "__main__":
    print(json.dumps([rendered(values) for values in json.load(sys.stdin)]))
