"""Every change of the ledger: each a set-wise statement, guarded by the fencing token."""
