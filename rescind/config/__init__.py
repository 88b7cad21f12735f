"""What an operator has set, and how Redis and the ledger are opened."""
