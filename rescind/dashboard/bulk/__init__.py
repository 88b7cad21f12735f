"""Actions on many cancellations or lanes: each asks for confirmation first.

``confirmation`` has the two pages that all actions share: the question, which says what
will happen, and the result. An action says which of the selected it can change, in
which words it asks, and how it changes them.
"""
