"""The attack lab: attacks on the shop, played by a visitor without a browser."""
