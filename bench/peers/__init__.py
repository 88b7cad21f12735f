"""What a user would pick instead, written as a good user of each would write it.

These run in an environment of their own (``.venv-bench``) and know nothing of Rescind:
``work`` is what each of them does with an order, and ``producer`` feeds any of them.
"""
