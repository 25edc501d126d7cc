"""Losses written as SymPy expressions, and how JAX and NumPy code is printed from them."""
