"""Dai, Ahn and Sra 2023, on the role of normalisation in sharpness-aware minimisation."""
