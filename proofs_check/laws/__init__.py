"""Laws of whole runs, derived from the running rules: what figures draw beside the simulation."""
