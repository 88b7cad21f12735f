"""The ledger's tables, its connections and its migrations."""
