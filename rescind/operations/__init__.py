"""What an operator asks and does: hold, resume, retry, doctor."""
