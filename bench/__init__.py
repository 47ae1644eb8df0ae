"""How quick is it, and does it stay so? One module per part; `make bench` runs them all."""
