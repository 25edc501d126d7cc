"""Rules, algorithms and their invariances."""
