"""Claims, provers, the ledger, local theory."""
