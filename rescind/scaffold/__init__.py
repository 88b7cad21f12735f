"""Writes the package of a new provider: ``rescind new-provider``."""
