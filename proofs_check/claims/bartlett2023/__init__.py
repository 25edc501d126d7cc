"""Bartlett, Long and Bousquet 2023, and Wen, Ma and Li 2023, on SAM near a minimum."""
