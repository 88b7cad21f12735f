"""Problems of what was typed, submitted or asked for."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

USING = Group(
    "Commands, files and entries",
    "Exit status 2: the words or the input are wrong. Good entries beside a bad one"
    " are submitted all the same, and what was submitted before changes nothing when"
    " it comes again; so put right what is wrong, and submit everything once more.",
    (
        Problem(
            "usage",
            "The command is not written like that",
            "There is no such command or option, or a value has not the form that it"
            " must have. Nothing was done.",
            "`rescind COMMAND --help` shows its form. Shell completion knows it, too:"
            " `rescind --install-completion`.",
        ),
        Problem(
            "invalid-request",
            "The request is wrong",
            "An entry lacks something, or says something that its provider could never"
            " be asked. It will not be sent. It is kept as `rejected/invalid_request`"
            " with what is wrong with it: `rescind list --state rejected`.",
            "Correct it as the sentence says, and submit it again; the corrected one"
            " is not taken for a repetition. [producing.md](producing.md) lists the"
            " fields, and the providers' pages their `params`.",
        ),
        Problem(
            "conflict",
            "It cannot be done as things stand",
            "What is asked does not fit what the ledger has: one that is not final is"
            " to be retried, or somebody else has just changed it. Nothing was"
            " changed. (A key that stands for another order, or other params, is"
            " refused as invalid-request.)",
            "Look at it again (`GET /v1/cancellations/{id}`, `rescind show ID`), and"
            " decide anew.",
        ),
        Problem(
            "file-wrong",
            "The file of cancellations cannot be used",
            "It cannot be read, is empty, not UTF-8, or neither CSV with a header, JSON"
            " Lines nor an Excel workbook (.xlsx), in gzip or not. Nothing of it was"
            " submitted.",
            'Save it as "CSV UTF-8", or as .xlsx, with the columns that the sentence'
            " names; only `provider` and `order` are required.",
        ),
        Problem(
            "time-wrong",
            "A time is wrong or has passed",
            "A time is ISO 8601 with an offset from UTC, or such as `+15m`; and what"
            " is to be done before or after it must still be possible.",
            "Write `2026-11-21T18:00:00+03:00`, or `+2h`. `--cancel-before` is later"
            " than `--not-before`.",
        ),
        Problem(
            "no-such-cancellation",
            "There is no such cancellation",
            "Nothing in the ledger has this id or this `provider/account/key`. It was"
            " submitted to another ledger, was deleted after `RESCIND_RETENTION`, or"
            " never reached us: then nothing was cancelled.",
            "`rescind list` shows what there is. If it never came, submit it (again).",
        ),
        Problem(
            "no-such-lane",
            "There is no such lane",
            "Neither the accounts file nor the ledger knows a lane of that name.",
            "A lane is `provider/account`, such as `notpanel/default`; `rescind lanes`"
            " lists them.",
        ),
        Problem(
            "not-retryable",
            "It cannot be retried",
            "A new round is opened for `failed`, `expired` and `rejected`, and for"
            " `requested` once its provider has had the time that its policy gives it"
            " (`queued_for`). What else is open goes on by itself, what is `cancelled`"
            " is done, and what was never valid has to be submitted again, corrected.",
            "`rescind show ID` says how it stands. Give a new deadline with"
            " `--cancel-before` where the old one has passed.",
        ),
        Problem(
            "changed-meanwhile",
            "Somebody else has just changed it",
            "Another command or a worker was faster. Nothing was overwritten.",
            "Look again, and decide anew.",
        ),
        Problem(
            "not-final-yet",
            "The wait ran out",
            "`--wait` ended before everything was final (exit status 4). Nothing was"
            " given up: it all goes on.",
            "`rescind lanes` says what holds it up, and whether workers run; `rescind"
            " list --group …` shows how far it is.",
        ),
        Problem(
            "nobody-to-tell",
            "Nobody is to be told of it",
            "The cancellation was submitted without `callback_url` and"
            " `callback_task`, or has not ended yet.",
            "`rescind show ID` says how it stands. Who is told is settled when it is"
            " submitted.",
        ),
        Problem(
            "schedule-held",
            "A rule found more than its max",
            "A rule that suddenly finds very many is more often wrong than right, so"
            " nothing was submitted, and the run waits for a person.",
            "`rescind schedule run NAME --dry-run` shows what it found. If it is right,"
            " `rescind schedule run NAME --max N` submits it; else mend the rule.",
        ),
        Problem(
            "schedule-unknown",
            "There is no rule of that name",
            "The schedules file has no rule that is called so.",
            "`rescind schedule list` shows the names there are.",
        ),
        Problem(
            "lane-held",
            "A lane is held",
            "Nothing is sent on this lane: an operator held it, its account is not set"
            " up, or the provider refuses the account. Other lanes do not mind."
            " Deadlines go on running.",
            "`rescind lanes` says why. Mend that, then `rescind resume LANE`. A fault"
            " in the accounts file needs no `resume`.",
        ),
        Problem(
            "lane-stalled",
            "A lane stands still",
            "Orders of this lane are due, nothing holds it or makes it wait, and its"
            " workers make no call. This is no state that Rescind means to be in."
            " Other lanes do not mind. Deadlines go on running.",
            "The workers' log says `lane stands still`, with what they take it to wait"
            " for. Keep those lines, then restart the workers one after the other:"
            " nothing is lost by that. See"
            " [operating.md](operating.md#alert-a-lane-stands-still).",
        ),
    ),
)
