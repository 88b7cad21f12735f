"""Problems of what a user typed, submitted or asked for."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

USING = Group(
    "Commands, files and entries",
    "Exit status 2: the command line or the input is wrong. Rescind still submits the"
    " good entries beside a bad one. Submitting the same entry again changes nothing,"
    " so correct the bad entries and submit the whole input once more.",
    (
        Problem(
            "usage",
            "The command line is wrong",
            "There is no such command or option, or a value does not have the form that"
            " it must have. Nothing was done.",
            "`rescind COMMAND --help` shows the form. Shell completion knows it, too:"
            " `rescind --install-completion`.",
        ),
        Problem(
            "invalid-request",
            "The request is wrong",
            "An entry lacks a field, or has a value that its provider cannot accept."
            " Rescind never sends it. It keeps the entry as"
            " `rejected/invalid_request`, with the fault: `rescind list --state"
            " rejected`. Of a plan with a fault, and of a request over HTTP that cannot"
            " be read or has a wrong parameter, nothing is kept.",
            "Correct what the sentence names, and submit it again. Over HTTP, `param`"
            " says where it is. The corrected entry does not count as a duplicate."
            " [producing.md](producing.md) lists the fields, and the providers' pages"
            " list their `params`.",
        ),
        Problem(
            "conflict",
            "The request does not fit the cancellation's state",
            "The request does not fit what the ledger has: you asked to retry a"
            " cancellation that is not final, or another user or program has just"
            " changed it. Nothing was changed. (A key that was already used for another"
            " order or other params is refused as invalid-request.)",
            "Look at the cancellation again (`GET /v1/cancellations/{id}`, `rescind"
            " show ID`), then decide what to do.",
        ),
        Problem(
            "file-wrong",
            "The file of cancellations cannot be used",
            "The file cannot be read, is empty, is not UTF-8, or is neither CSV with a"
            " header, JSON Lines nor an Excel workbook (.xlsx). Each may be compressed"
            " with gzip. No row of it was submitted.",
            'Save it as "CSV UTF-8", or as .xlsx, with the columns that the sentence'
            " names. Only `provider` and `order` are required. A column that is not"
            " known refuses the whole file: if a mistyped `cancel_before` were skipped,"
            " orders would be cancelled after their deadline. Correct its name, or"
            " remove it. If a formula has no value, open the workbook in Excel or"
            " LibreOffice and save it, or write the values themselves.",
        ),
        Problem(
            "time-wrong",
            "A time is wrong or has passed",
            "A time must be ISO 8601 with an offset from UTC, or relative, such as"
            " `+15m`. A deadline must not have passed.",
            "Write `2026-11-21T18:00:00+03:00`, or `+2h`. `--cancel-before` must be"
            " later than `--not-before`.",
        ),
        Problem(
            "no-such-cancellation",
            "There is no such cancellation",
            "The ledger has no cancellation with this id or this"
            " `provider/account/key`. It was submitted to another ledger, or was"
            " deleted after `RESCIND_RETENTION`, or never reached Rescind. If it never"
            " reached Rescind, nothing was cancelled.",
            "`rescind list` shows all cancellations. If yours is missing, submit it"
            " (again).",
        ),
        Problem(
            "no-such-plan",
            "There is no such plan",
            "The ledger has no plan with this id, or with this name of a template and"
            " this key. It was submitted to another ledger, or was deleted after"
            " `RESCIND_RETENTION`, or was refused. Of a plan that was refused, nothing"
            " was kept.",
            "`rescind plan list` and `GET /v1/plans` list all plans. See"
            " [plans.md](plans.md).",
        ),
        Problem(
            "no-such-lane",
            "There is no such lane",
            "Neither the accounts file nor the ledger has a lane of that name.",
            "A lane is `provider/account`, such as `notpanel/default`. `rescind lanes`"
            " lists them.",
        ),
        Problem(
            "no-such-group",
            "There is no such group",
            "No cancellation in the ledger has this `group`.",
            "`rescind groups` lists the groups by name. Retention may have deleted the"
            " cancellations of an old one.",
        ),
        Problem(
            "not-retryable",
            "This cancellation cannot be retried",
            "Only a `failed`, `expired`, `rejected` or `withdrawn` cancellation can be"
            " retried, and a `requested` one after its provider had the time that its"
            " policy gives it (`queued_for`). Any other open cancellation goes on by"
            " itself. A `cancelled` one is done. An invalid one has to be corrected and"
            " submitted again.",
            "`rescind show ID` shows its state. If its deadline has passed, give a new"
            " one with `--cancel-before`.",
        ),
        Problem(
            "already-sent",
            "It is too late to withdraw this cancellation",
            "A cancel of this order was sent, or may have been sent: a worker holds"
            " it, its provider has accepted it or is being asked about it, or an"
            " earlier call may have reached the provider. Nothing was changed, and it"
            " goes on.",
            "`rescind show ID` shows what was sent. If the order must not be cancelled,"
            " ask the provider.",
        ),
        Problem(
            "already-ended",
            "This cancellation has ended",
            "Only a cancellation that waits to be sent (`scheduled` or `queued`) can be"
            " withdrawn. This one is `cancelled`, `rejected`, `expired` or `failed`."
            " Nothing was changed.",
            "Nothing. Rescind sends nothing for an ended cancellation, unless a person"
            " retries it.",
        ),
        Problem(
            "changed-meanwhile",
            "The cancellation has just been changed",
            "Another command or a worker changed it first. Nothing was overwritten.",
            "Look at it again, then decide what to do.",
        ),
        Problem(
            "not-final-yet",
            "The wait timed out",
            "`--wait` ended before all cancellations were final, or before the plan had"
            " ended (exit status 4). None of them was given up: the workers go on with"
            " them.",
            "`rescind lanes` says why they wait, and whether workers run. `rescind list"
            " --group …` and `rescind plan show ID` show their states. If a step of a"
            " plan is `failed`, `rescind doctor` says what waits for a person.",
        ),
        Problem(
            "nobody-to-tell",
            "There is no delivery to send",
            "The cancellation was submitted without `callback_url` and"
            " `callback_task`, or has not ended yet.",
            "`rescind show ID` shows its state. A cancellation's callbacks are set when"
            " it is submitted, and cannot be added later.",
        ),
        Problem(
            "receiver-refused",
            "The receiver did not accept the test event",
            "`rescind webhooks test` sent a signed event to the address, once. The"
            " receiver answered with another status than 2xx, or not at all. It would"
            " not accept a real webhook either, or only those of some types.",
            "The sentence has its answer. 401: it verifies with another secret, or not"
            " the bytes that it received. No answer: see that it runs, and can be"
            " reached from the machines of the workers. It must also accept events of"
            " a type that it does not use: see [webhooks.md](webhooks.md).",
        ),
        Problem(
            "schedule-held",
            "A rule found more than its max",
            "A rule that suddenly finds very many orders is more often wrong than"
            " right. Rescind therefore submitted none of them, and the run is held"
            " until a person decides.",
            "`rescind schedule run NAME --dry-run` shows what the rule found. If that"
            " is right, `rescind schedule run NAME --max N` submits it. If not, correct"
            " the rule.",
        ),
        Problem(
            "schedule-unknown",
            "There is no rule of that name",
            "The schedules file has no rule of that name.",
            "`rescind schedule list` shows the names of all rules.",
        ),
        Problem(
            "lane-held",
            "A lane is held",
            "No call is sent on this lane: an operator held it, its account is not set"
            " up, or the provider refuses the account. Other lanes are not affected."
            " Deadlines still pass while a lane is held.",
            "`rescind lanes` says why. Correct the cause, then `rescind resume LANE`."
            " After a fault in the accounts file no `resume` is needed.",
        ),
        Problem(
            "not-waiting",
            "This cancellation does not wait for others",
            "`release` and `skip` decide for a cancellation that waits for others, and"
            " `release` also for one that they did not want. This one does neither, or"
            " it cannot be sent again now. Nothing was changed.",
            "`rescind show ID` shows its state. To send one again that has ended:"
            " `rescind retry ID`. To take back what was not sent: `rescind withdraw"
            " ID`.",
        ),
        Problem(
            "waits-for-failed",
            "Cancellations wait for others that have failed",
            "A cancellation that has failed neither releases nor skips what waits for"
            " it: nobody knows what became of its order. What waits for it is not sent"
            " until a person decides. Deadlines still pass.",
            "Look at the failed one (`rescind show ID`) and retry it, or decide for"
            " what waits: `rescind release ID` sends it, `rescind skip ID` ends it. See"
            " [plans.md](plans.md).",
        ),
        Problem(
            "lane-stalled",
            "A lane stands still",
            "Orders of this lane are due, the lane is neither held nor paused, and no"
            " worker makes a call. This state is a fault of Rescind's. Other lanes are"
            " not affected. Deadlines still pass.",
            "The workers log `lane stands still`, and the reason for which each of them"
            " waits. Keep those lines, then restart the workers one after the other;"
            " this loses nothing. See"
            " [operating.md](operating.md#alert-a-lane-stands-still).",
        ),
    ),
)
