"""The parts of ``rescind init``, which writes the accounts file and ``.env``."""
