"""PostgreSQL: the statements that say how it may look for rows."""

OFF = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_sort",
    "enable_hashjoin",
    "enable_mergejoin",
    "jit",
)
"""Each statement has an index made for it, in its order. PostgreSQL chooses by
statistics that are a minute old or more, from before a backlog came. It was seen to
sort a whole lane for each claim, at 3 s each."""
BY_INDEX, LOCALLY = (
    ", ".join([first, *(f"set_config('{name}', 'off', {local})" for name in OFF)])
    for first, local in (
        ("SELECT pg_backend_pid()", "pg_backend_pid() <> %(own)s"),
        ("SELECT true", "true"),
    )
)
"""Statements that switch these off: for a session, if it is the connection's ``own``,
and otherwise for one transaction; always for one transaction."""
BY_BITMAP = ("SET LOCAL enable_bitmapscan TO on", "SET LOCAL enable_sort TO on")
"""For a statement that needs a GIN index: it has no order, and is read as a bitmap."""
WHOLE = tuple(f"SET LOCAL {name} TO DEFAULT" for name in OFF)
"""For a transaction that reads whole tables; with indexes it takes far longer."""
