"""Real servers of the shop and of the sandbox, killed while buyers buy, pay and cancel. `make chaos` runs it for long."""
