"""Where the evidence of claims is looked for: thresholds, pairs of points, single steps, modes."""
