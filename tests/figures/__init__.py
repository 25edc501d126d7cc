"""Figures, and the command that draws them."""
