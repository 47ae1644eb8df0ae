"""The payment window: its views and pages, its state, and how its result reaches the shop."""
