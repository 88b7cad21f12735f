"""Settings and files of the operator, and the clients of Redis and the ledger."""
