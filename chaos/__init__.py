"""What is broken on purpose, and what the whole system makes of it, measured."""
