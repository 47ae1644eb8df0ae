"""The payment window: its pages, its state, and what the shop hears of its result."""
