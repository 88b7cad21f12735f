"""The sentences on schedules, for translation.

See ``entry_sentences``.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

RUNS = (
    N_(
        "it found more than %(most)s, its max, so nothing was submitted. "
        "`rescind schedule run %(name)s --dry-run` shows the entries; "
        "`rescind schedule run %(same)s --max N` submits up to N"
    ),
    N_(
        "it was ended after %(seconds)s s, when %(done)s of the %(found)s "
        "that it found were submitted; those stay submitted. `rescind "
        "schedule run %(name)s` submits the others without a time limit, and "
        "none twice. Then change the rule so that it finds fewer at a time: "
        "run it more often, or narrow its source"
    ),
    N_(
        "it was begun %(times)s times, and its worker died each time: see the"
        " workers' logs for the cause. Entries that it submitted stay "
        "submitted; `rescind schedule run %(name)s` submits the others, and "
        "none twice"
    ),
    N_("it cannot be run: %(kind)s"),
    N_("the command that ran it ended before the run did: run it again"),
    N_("[%(name)s] is no longer in any worker's schedules file"),
)
"""Why a run did not submit all entries."""
SOURCES = (
    N_("%(place)s answers with HTTP %(status)s"),
    N_("%(place)s answers with HTTP %(status)s: check its headers"),
    N_(
        "%(place)s answers with a redirect (HTTP %(status)s), which Rescind "
        "does not follow: set url to the new address"
    ),
    N_("%(place)s cannot be reached: %(why_said)s"),
    N_("%(place)s hung up: %(why_said)s"),
    N_("%(place)s cannot be asked: a header is wrong"),
    N_("row %(at)s"),
    N_("line %(at)s"),
    N_("entry %(at)s"),
    N_(
        "%(row_said)s has no column %(name)s, which map names; its columns "
        "are: %(known)s"
    ),
    N_(
        "%(row_said)s: the column for %(field)s has the type %(kind)s, which "
        "cannot be used: convert it to a text"
    ),
    N_("%(place)s is not an object with named values"),
    N_("it is not a list; items names where the list is"),
    N_("its %(name)s is not a list"),
    N_("the query returns no rows: it must be one SELECT"),
    N_("the query names %(columns)s twice: use AS"),
    N_("the query takes longer than %(seconds)s s"),
    N_("the database %(place)s refuses the query: %(why_said)s"),
    N_("it does more than read"),
    N_("the database %(place)s does not exist"),
    N_("the database %(place)s: %(why_said)s"),
    N_("there is no connection"),
    N_("the connection was lost"),
    N_("database names %(kind)s: only sqlite:/// and postgresql:// are supported"),
    N_(
        "database is not the URL of a database: it must be such as "
        "postgresql://user:password@host/name or sqlite:////data/shop.db"
    ),
    N_("the file %(name)s is larger than %(most)s MB"),
    N_("the file %(name)s does not exist"),
    N_("the file %(name)s cannot be read: %(why_said)s"),
    N_("its name is wrong"),
    N_("%(name)s is not CSV with a header, as its format says"),
    N_("%(name)s is not %(kind)s, as its format says"),
    N_("it is not UTF-8"),
)
"""Why the source of a rule cannot be read."""
RULES = (
    N_("every %(seconds)s s"),
    N_("%(why_said)s: did you mean %(near)s?"),
    N_("[%(rule)s]: %(why_said)s"),
    N_("the schedules file %(name)s cannot be read: %(why_said)s"),
    N_("the schedules file %(name)s is not UTF-8"),
    N_("the schedules file %(name)s is not TOML: %(why)s"),
    N_("the schedules file %(why_said)s"),
    N_("url must be an http or https address"),
    N_("url must not have a user and password: use headers"),
    N_("url is plain http: use https, or set insecure = true"),
    N_('map must name the column of the order, as in order = "id"'),
    N_("map: there is no field %(name)s"),
    N_("map: there is no field %(name)s: did you mean %(near)s?"),
    N_("map: %(field)s must name a column"),
    N_("%(field)s is given twice: as a constant, and in map"),
    N_("provider is required, as a constant or in map"),
    N_("only_if needs after, as a constant or in map"),
    N_("%(field)s must be a table of values"),
    N_("group: %(name)s is not known; use %(known)s"),
    N_(
        'cron must have five fields, such as "30 2 * * *": minute, hour, day,'
        " month, day of week"
    ),
    N_(
        'cron: its %(part)s is wrong; it must have five fields, such as "30 2'
        ' * * *": minute, hour, day, month, day of week'
    ),
    N_("cron %(line)s names a day that never comes"),
    N_("%(field)s must be such as 15m, 6h or 1d"),
    N_("%(field)s must be at least %(least)s seconds and at most %(most)s days"),
    N_("timezone: there is no %(name)s: did you mean %(near)s?"),
    N_("timezone: there is no %(name)s: use one such as Europe/Istanbul"),
    N_('%(field)s must be a text, { env = "NAME" } or { file = "path" }'),
    N_("its name must be %(form_said)s"),
    N_("must have either cron or every"),
    N_("source must have one of sql, url and file"),
    N_("source: %(why_said)s"),
)
"""What is wrong with a rule or the schedules file."""
