"""Reads the ledger. No module here writes."""
