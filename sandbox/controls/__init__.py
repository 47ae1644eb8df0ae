"""What only the sandbox has: the control panel, its JSON endpoints, and injected faults."""
