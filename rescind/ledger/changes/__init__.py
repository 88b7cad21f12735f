"""Writes the ledger: statements over many rows, guarded by fencing tokens."""
