"""Files of cancellations: CSV with a header, JSON Lines, or a workbook (.xlsx).

A row that cannot be read never stops the others: it is handed on with its line and
what is wrong with it. Nothing is guessed: neither an encoding nor a missing column.
"""
