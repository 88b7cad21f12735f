"""The five providers: one module for each provider's API; no other code."""
