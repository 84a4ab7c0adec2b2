"""Benchmarks: each prints ratios or bounds measured in one run. The test suite times nothing here."""
