"""Real servers of shop and sandbox, killed while buyers buy, pay and cancel. `make chaos` runs it for long."""
