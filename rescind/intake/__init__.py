"""Checks producers' submissions and writes them to the ledger."""
