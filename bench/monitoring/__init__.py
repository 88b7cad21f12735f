"""Draws the Grafana dashboard from its JSON and a real Prometheus, for its review.

It is no Grafana: it draws the title, unit, legend, thresholds and queries of each panel
as the JSON gives them, so that an empty or useless panel is seen.
"""
