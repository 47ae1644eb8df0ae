"""Benchmarks, one module per part; `make bench` runs them all."""
