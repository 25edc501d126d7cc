"""Sweeps that are stored, resumed, spread over workers."""
