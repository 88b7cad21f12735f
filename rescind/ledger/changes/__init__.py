"""Every change of the ledger: set-wise statements, guarded by a fencing token."""
