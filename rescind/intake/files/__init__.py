"""Reads files of cancellations: CSV with a header, JSON Lines, or workbooks (.xlsx).

A row that cannot be read does not stop the others: the caller gets its line number and
its fault. No missing column is guessed. Only Windows-1254 is guessed, for files that a
person submits, and the person is told.
"""
