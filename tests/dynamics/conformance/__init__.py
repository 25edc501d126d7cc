"""Other people's optimisers."""
