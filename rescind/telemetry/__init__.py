"""Telemetry: logs, traces, metrics, heartbeats."""
