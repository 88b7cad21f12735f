"""The sentences of files, of the ledger and of operations, for translation.

Those packages write them in English, and the ledger keeps some of them. A placeholder
whose name ends with ``_said`` holds another sentence of this list, one that ends with
``_word`` holds a word of a closed vocabulary.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

FILES = (
    N_(
        "%(name)s: its first line must name the columns, and lacks "
        "%(missing)s; the columns are %(known)s"
    ),
    N_(
        "%(name)s: no such column: %(listed)s (did you mean %(near)s?). Correct its"
        " name, or remove it: a column that is not known may be a mistyped deadline, so"
        " it is not skipped. The columns are %(known)s"
    ),
    N_(
        "%(name)s: no such column: %(listed)s. Correct its name, or remove it: a column"
        " that is not known may be a mistyped deadline, so it is not skipped. The"
        " columns are %(known)s"
    ),
    N_("has a formula without a value in %(cells)s: %(advice_said)s"),
    N_(
        "open the file in Excel or LibreOffice and save it, or write the values"
        " themselves, then submit it again"
    ),
    N_("%(name)s: its header %(why_said)s"),
    N_('save it as "CSV UTF-8", or as .xlsx'),
    N_("an OpenDocument sheet"),
    N_("a ZIP"),
    N_("%(name)s does not exist"),
    N_("%(name)s cannot be read: %(why)s"),
    N_("%(name)s: its header names %(columns)s twice"),
    N_("%(name)s has a header and no rows: there is nothing to submit"),
    N_("%(name)s: its header cannot be read as CSV"),
    N_("%(name)s is empty: there is nothing to submit"),
    N_(
        "%(name)s is a PDF or a picture, not a table: submit an .xlsx workbook,"
        " CSV or JSON Lines"
    ),
    N_("%(name)s is UTF-16, or is not a text: save it as UTF-8"),
    N_(
        "%(name)s holds a JSON array: write one object on each line "
        "instead, such as with `jq -c '.[]'`"
    ),
    N_("%(name)s has more than %(most)s lines: split it"),
    N_("%(name)s is larger than %(most)s MB when it is unpacked"),
    N_("%(name)s is broken: its gzip cannot be unpacked"),
    N_("%(name)s is cut off: its gzip has no end"),
    N_("%(name)s is an old Excel workbook (.xls), or has a password: %(advice_said)s"),
    N_("%(name)s is a broken Excel workbook: %(advice_said)s"),
    N_("%(name)s has a password, or is broken: %(advice_said)s"),
    N_("%(name)s is %(kind_said)s, not an .xlsx workbook: %(advice_said)s"),
    N_("%(name)s is empty: its first sheet has nothing to submit"),
    N_("is not UTF-8: save the file as UTF-8 and submit it again"),
    N_("%(what)s is not JSON: %(why)s at character %(place)s"),
    N_("%(what)s is not JSON that can be kept: %(why)s"),
    N_("%(where)s and %(column)s both give %(name)s"),
    N_("%(why_said)s; it is the last line, and seems to be cut off"),
    N_("has %(columns)s columns, and the header %(header)s"),
    N_('has a quote (") that is never closed'),
    N_('has a quote (") inside a value: double it, and quote the value'),
    N_("cannot be read as CSV: %(why)s"),
)
"""What is wrong with a file or one of its rows."""
LEDGER = (
    N_(
        "%(id)s can no longer be cancelled: its provider cancels it until %(until)s,"
        " which has passed"
    ),
    N_(
        "%(id)s is %(state_word)s: only failed, expired, rejected and "
        "withdrawn ones are retried"
    ),
    N_(
        "%(id)s was never a valid cancellation (%(why_said)s): submit it "
        "again, corrected"
    ),
    N_(
        "%(id)s had to be cancelled before %(time)s, which has passed: give"
        " a later cancel_before"
    ),
    N_(
        "%(id)s had to be cancelled before %(time)s, which has passed: submit"
        " it again with another key"
    ),
    N_("%(id)s is not sent before %(time)s: give a cancel_before that is later"),
    N_(
        "%(id)s is requested: its provider accepted it at %(since)s, and "
        "may be cancelling it until %(until)s. Rescind polls it by itself. "
        "If it is still active after that time, Rescind sends it again; "
        "before that time it cannot be retried"
    ),
    N_(
        "%(id)s is %(state_word)s (%(reason_word)s): it has ended, and only"
        " a cancellation that waits to be sent can be withdrawn"
    ),
    N_("%(id)s cannot be withdrawn: %(why_said)s"),
    N_("a worker is sending it now"),
    N_(
        "its order may be cancelled already, and Rescind is asking its "
        "provider whether it is"
    ),
    N_("its provider has accepted the cancel"),
    N_("the ledger was restored from an older copy: it may have been sent before"),
    N_("an earlier call may still be in its provider's queue"),
    N_("it was sent once, and may have reached its provider"),
    N_("it was sent %(times)s times, and may have reached its provider"),
    N_("%(id)s has just been changed: look at it again"),
    N_(
        "%(id)s: there is no such cancellation; an ID is a record's id, or "
        "provider/account/key (`rescind list` shows them)"
    ),
    N_("there is no lane %(lane)s: give provider/account; the lanes are: %(known)s"),
    N_("%(number)s calls failed in a row; the last: %(why_said)s"),
    N_("%(provider)s refuses the token in the accounts file"),
    N_("held by an operator: %(note)s"),
    N_("the reason of a hold must have at most %(most)s characters"),
)
"""Why a cancellation or a lane cannot be changed, and why a lane waits."""
