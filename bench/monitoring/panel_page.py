"""Puts all panels on one page, each in its place of the dashboard's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from bench.monitoring.panel_drawing import stat, table, timeseries
from bench.monitoring.panel_queries import Panel, Prometheus

WIDTH = 1240
COLUMN = WIDTH / 24
"""Grafana's grid has 24 columns..."""
ROW = 34
"""... and rows of some 34 pixels."""
GAP = 8
HEAD, LEGEND = 26, 38
STYLE = f"""
body {{ margin: 0; width: {WIDTH}px; position: relative; background: #f4f5f5;
  font: 12px system-ui, "DejaVu Sans", sans-serif; color: #24292e }}
section {{ position: absolute; box-sizing: border-box; overflow: hidden;
  background: #fff; border: 1px solid #dcdfe3; border-radius: 2px; padding: 0 6px }}
h2 {{ position: absolute; margin: 0; font-size: 14px; line-height: {ROW - GAP}px;
  padding-left: 6px }}
h3 {{ margin: 0; font-size: 12px; line-height: {HEAD}px; white-space: nowrap }}
.none {{ text-align: center; color: #6a737d; margin-top: 20px }}
.stats {{ display: flex; flex-wrap: wrap; gap: 4px; height: calc(100% - {HEAD + 6}px) }}
.stat {{ flex: 1 1 40%; color: #fff; display: flex; flex-direction: column;
  align-items: center; justify-content: center; overflow: hidden }}
.stat b {{ font-size: 20px }}
.stat span {{ font-size: 11px }}
table {{ width: 100%; border-collapse: collapse }}
th, td {{ text-align: left; padding: 3px 4px; border-bottom: 1px solid #e7eaed }}
svg {{ display: block }}
.grid {{ stroke: #e7eaed }}
.line {{ fill: none; stroke-width: 1.3 }}
text {{ font-size: 10px; fill: #57606a }}
text.y {{ text-anchor: end }}
ul {{ margin: 2px 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap;
  gap: 0 10px; max-height: {LEGEND}px; overflow: hidden; line-height: 12px }}
li {{ font-size: 10px }}
i {{ display: inline-block; width: 10px; height: 4px; margin-right: 4px;
  vertical-align: middle }}
"""


def page(dashboard: Mapping[str, Any], asked: Prometheus) -> str:
    """The page with all panels; raises what ``Prometheus.series`` raises."""
    drawn = "".join(_panels(dashboard["panels"], asked))
    title = escape(dashboard["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<style>{STYLE}</style><body style="height:{height(dashboard)}px">'
        f"{drawn}</body></html>"
    )


def height(dashboard: Mapping[str, Any]) -> int:
    """Pixels of the whole page."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    rows: int = max(place["y"] + place["h"] for place in places)
    return rows * ROW + GAP


def _panels(panels: list[Panel], asked: Prometheus) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        box = f"left:{place['x'] * COLUMN:.0f}px;top:{place['y'] * ROW + GAP}px"
        title = escape(panel["title"])
        if panel["type"] == "row":
            yield f'<h2 style="{box}">{title}</h2>'
            continue
        wide, high = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        box += f";width:{wide:.0f}px;height:{high}px"
        body = _body(panel, asked, (wide - 14, high - HEAD - LEGEND - 4))
        yield f'<section style="{box}"><h3>{title}</h3>{body}</section>'


def _body(panel: Panel, asked: Prometheus, size: tuple[float, float]) -> str:
    draw = {"stat": stat, "table": table, "timeseries": timeseries(asked)}
    drawn = draw[panel["type"]](panel, asked.series(panel), size)
    return f'<div class="stats">{drawn}</div>' if panel["type"] == "stat" else drawn
