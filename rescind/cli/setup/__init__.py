"""``rescind init``: the accounts file and ``.env``, written by asking."""
