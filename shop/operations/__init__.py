"""Operation of the shop: commands, health checks, metrics, logs, background workers, and `doctor/`."""
