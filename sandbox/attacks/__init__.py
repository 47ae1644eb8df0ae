"""The attack lab: the page on which a visitor plays the cases of `check` against the shop."""
