"""Other queues that a user may choose, each used as its good users would.

They run in their own environment (``.venv-bench``), and do not import Rescind. ``work``
handles an order for each of them, and ``producer`` sends orders to any of them.
"""
