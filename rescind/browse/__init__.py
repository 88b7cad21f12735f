"""Lists, searches and statistics of the ledger, for people. Decides nothing."""
