"""The desk: what an operator sees in a browser, and can put right from there."""
