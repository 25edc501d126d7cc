"""Tan et al. 2024, on StableSAM."""
