"""What a provider is: its interface, its policy, its vocabulary, and the HTTP call."""
