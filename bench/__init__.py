"""Measurements that ship: each prints ratios or bounds measured in one run. Nothing here is timed by the tests."""
