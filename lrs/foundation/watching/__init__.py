"""How a running installation is watched: logs, metrics, traces, health."""
