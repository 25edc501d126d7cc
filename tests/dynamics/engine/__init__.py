"""Runs, outcomes, sweeps: the engine against the oracle."""
