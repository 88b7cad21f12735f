"""What Rescind reports about itself: logs, traces, metrics, heartbeats."""
