"""Problems of settings, accounts and keys."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

SETUP = Group(
    "Settings, accounts and keys",
    "What is set up wrongly or not at all. `rescind doctor` shows each setting, where"
    " it comes from, and whether it is good; `rescind init` writes both files by"
    " asking.",
    (
        Problem(
            "setting-wrong",
            "A setting is missing or wrong",
            "A variable of the environment or of `.env` does not say what it must. The"
            " sentence names the variable. Nothing was started, changed or sent.",
            "Put it right in the environment (which wins) or in `.env`, in the folder"
            " where the command runs. `.env.example` lists them all, with their form.",
        ),
        Problem(
            "setting-unknown",
            "There is no such setting",
            "A variable begins with `RESCIND_`, and resembles a setting that exists."
            " Rescind does not read it, so that the default holds instead.",
            "Correct its name, or remove it.",
        ),
        Problem(
            "env-file",
            "The file .env cannot be read",
            "There is a `.env` in this folder, and it cannot be read or is not UTF-8."
            " Going on without it would use other settings than you meant.",
            "Let the user who runs the command read it (`ls -l .env`), and save it as"
            " UTF-8.",
        ),
        Problem(
            "redis-url",
            "RESCIND_REDIS_URL is not the URL of a Redis",
            "The URL cannot be read, names what cannot be used (Sentinel, a Redis"
            " Cluster, RabbitMQ, an unknown option), or switches the verification of"
            " TLS off, which is never done: the password would go to whoever answers.",
            "Write it as `redis://:password@host:6379/0`, `rediss://…` for TLS, or"
            " `unix:///path/to/socket?db=0` (or `redis+socket://…`). An authority of"
            " your own is named by `?ssl_ca_certs=/path/to/ca.pem`. For a Redis with"
            " Sentinel, give a name or an address that moves with the master.",
        ),
        Problem(
            "database-url",
            "RESCIND_DATABASE_URL is not the URL of a ledger",
            "The URL cannot be read, or names a kind of database that is not"
            " supported.",
            "Write it as `postgresql+psycopg://user:password@host:5432/name`, or leave"
            " it out: then the ledger is SQLite in `RESCIND_HOME`.",
        ),
        Problem(
            "retention",
            "What has ended would be kept for too short a time",
            "`RESCIND_RETENTION` or `--older-than` is not an age, or is shorter than a"
            " day. What is deleted and submitted again is cancelled again.",
            "Give an age such as `365d`, longer than anybody may still submit the same"
            " order; or leave the setting out, and all is kept.",
        ),
        Problem(
            "api-tokens",
            "RESCIND_API_TOKENS cannot be used",
            "A token is not of the form `name:scope+scope:token`, is shorter than 16"
            " characters, or stands there twice. The sentence says which, by its"
            " number; it never shows what was written. The HTTP door stays shut.",
            "Write each as `name:scope+scope:token`, of the scopes `submit`, `read`"
            " and `operate`, separated by commas. `rescind init` makes good ones.",
        ),
        Problem(
            "seal-key",
            "The seal key is missing or is none",
            "`RESCIND_SEAL_KEY` encrypts what is personal in the ledger. With a ledger"
            " of your own (`RESCIND_DATABASE_URL`) it has to be set, the same for"
            " every worker and command, and it is not, or is not a key.",
            "`rescind seal-key` prints a good one. If there was one before, set that:"
            " only it opens what is in the ledger.",
        ),
        Problem(
            "sealed-data",
            "The seal key does not open what is sealed",
            "What is personal in the ledger was sealed with another key. Cancellations"
            " that need it stay `queued` and are not sent; the others go on.",
            "Put the former key behind the present one in `RESCIND_SEAL_KEY`,"
            " separated by a comma. They then go on by themselves."
            " [operating.md](operating.md#the-seal-key) says how keys are rotated.",
        ),
        Problem(
            "accounts-missing",
            "There is no account yet",
            "The accounts file does not exist, or names no account. What is submitted"
            " is kept, or refused where its account is not known; nothing is sent.",
            "`rescind init` writes it by asking. Or copy `accounts.example.toml`, or"
            " let `RESCIND_ACCOUNTS` say where yours is.",
        ),
        Problem(
            "accounts-file",
            "The accounts file cannot be used",
            "It cannot be read, is not TOML, or is not UTF-8. Until then every lane is"
            " held: what is submitted is kept, and not sent.",
            "The sentence says where in it the fault is. Workers read the file again"
            " by themselves when it changes.",
        ),
        Problem(
            "accounts-readable",
            "Others can read the accounts file",
            "It holds credentials, and every user of this machine can read it.",
            "`chmod 600 accounts.toml`; in a container its owner must be the user who"
            " runs the worker.",
        ),
        Problem(
            "account-wrong",
            "An account is not set up",
            "A table of the accounts file lacks a credential, holds one that cannot be"
            " used, or names a provider that does not exist. This lane alone is held:"
            " what is submitted for it waits.",
            'Mend what the sentence names. A credential is a value, `{ env = "NAME" }`'
            ' with the variable set where the worker runs, or `{ file = "/path" }`. No'
            " restart is needed.",
        ),
        Problem(
            "credentials-refused",
            "The provider refuses the credentials",
            "The provider answered, and does not take the account's key, token or"
            " login. The lane is held, and one careful call tries it again every 15"
            " minutes.",
            "Compare them with the provider's own panel, put the right ones into the"
            " accounts file, then `rescind resume LANE`.",
        ),
        Problem(
            "webhook-settings",
            "Webhooks are not set up",
            "Only one of `RESCIND_WEBHOOK_HOSTS` and `RESCIND_WEBHOOK_SECRET` is set,"
            " or one of them cannot be used. Entries with a `callback_url` are"
            " refused.",
            "Set both: the hosts that may be called, by commas, and a secret that"
            " `rescind webhooks secret` prints. Or leave both out.",
        ),
        Problem(
            "webhooks-private",
            "Webhooks may reach your own network",
            "`RESCIND_WEBHOOK_PRIVATE` allows plain http and addresses of your own"
            " network. Whoever may submit can have the listed hosts called there.",
            "Leave it out, unless the receiver really is inside; then name that host"
            " alone in `RESCIND_WEBHOOK_HOSTS`.",
        ),
        Problem(
            "schedules-file",
            "The schedules file, or a rule of it, cannot be used",
            "It is missing, cannot be read, or a rule in it is wrong: the sentence"
            " says which, and where. A wrong rule does not run; the others do.",
            "Mend the rule, and see it with `rescind schedule check`;"
            " `schedules.example.toml` has one of each kind. It is read again by"
            " itself. docs/schedules.md says what each word means.",
        ),
        Problem(
            "already-there",
            "rescind init overwrites nothing",
            "A file that it would write is there already.",
            "`rescind init --add` appends an account to the accounts file and leaves"
            " everything in it as it is. To begin anew, move the file away first.",
        ),
    ),
)
