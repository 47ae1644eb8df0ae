"""Running the shop: commands, health checks, metrics, logs, background workers, and `doctor/`."""
