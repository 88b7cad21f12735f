"""The five providers: what each one's API is, and nothing of ours."""
