"""Machine code, operation by operation, against NumPy."""
