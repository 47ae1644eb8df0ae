"""Calls from the sandbox to the shop, and the background thread that makes them."""
