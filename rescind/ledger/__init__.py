"""What is known of each cancellation. The ledger knows; the queue only wakes."""
