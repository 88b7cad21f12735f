"""The dashboard: pages for operators, rendered here, kept fresh by server-sent events.

Its addresses begin with ``/desk``, and its cookie's name with ``rescind_desk``.
"""
