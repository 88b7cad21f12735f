"""The providers that Rescind itself brings, and the registry of all providers."""
