"""From what a producer wrote to checked entries of the ledger."""
