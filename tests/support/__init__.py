"""What tests share: cases, the oracle, foreign optimisers."""
