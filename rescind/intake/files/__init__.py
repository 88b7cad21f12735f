"""Reads files of cancellations: CSV with a header, JSON Lines, or workbooks (.xlsx).

A row that cannot be read does not stop the others: the caller gets its line number and
its fault. The code guesses neither an encoding nor a missing column.
"""
