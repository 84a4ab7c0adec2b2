"""Rehearsal of the first morning: a load test of a deployment with invented people."""
