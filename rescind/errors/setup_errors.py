"""Problems of settings, accounts and keys."""

from __future__ import annotations

from rescind.errors.kind import Group, Problem

SETUP = Group(
    "Settings, accounts and keys",
    "Settings, accounts and keys that are wrong or missing. `rescind doctor` shows each"
    " setting, where it comes from, and whether it is valid. `rescind init` asks for"
    " the values and writes the accounts file and `.env`.",
    (
        Problem(
            "setting-wrong",
            "A setting is missing or wrong",
            "A variable of the environment or of `.env` is missing or has a wrong"
            " value. The sentence names the variable. Nothing was started, changed or"
            " sent.",
            "Correct the variable in the environment or in `.env`, in the folder where"
            " the command runs. The environment overrides `.env`. `.env.example` lists"
            " all variables, with their form.",
        ),
        Problem(
            "setting-unknown",
            "There is no such setting",
            "The name of a variable begins with `RESCIND_` and resembles a setting's"
            " name. Rescind does not read this variable, and uses the setting's default"
            " instead.",
            "Correct the variable's name, or remove it.",
        ),
        Problem(
            "env-file",
            "The file .env cannot be read",
            "The `.env` in this folder cannot be read, or is not UTF-8. Rescind stops,"
            " because without `.env` it would use other settings than you intended.",
            "Let the user who runs the command read the file (`ls -l .env`), and save"
            " it as UTF-8.",
        ),
        Problem(
            "redis-url",
            "RESCIND_REDIS_URL is not the URL of a Redis",
            "The URL cannot be read, or names something that Rescind cannot use"
            " (a Redis Cluster, RabbitMQ, an unknown option), or switches TLS"
            " verification off. Rescind always verifies TLS: without verification, any"
            " server that answers would get the password.",
            "Write it as `redis://:password@host:6379/0`, `rediss://…` for TLS, or"
            " `unix:///path/to/socket?db=0` (or `redis+socket://…`). For a certificate"
            " authority of your own, add `?ssl_ca_certs=/path/to/ca.pem`. For a Redis"
            " with Sentinels, write `sentinel://:password@host1:26379;"
            "sentinel://host2:26379/0?master=NAME`. Celery has no broker for a Redis"
            " Cluster.",
        ),
        Problem(
            "database-url",
            "RESCIND_DATABASE_URL is not the URL of a ledger",
            "The URL cannot be read, or names a kind of database that Rescind does not"
            " support.",
            "Write it as `postgresql+psycopg://user:password@host:5432/name`, or leave"
            " the setting out. Without it, the ledger is an SQLite file in"
            " `RESCIND_HOME`.",
        ),
        Problem(
            "retention",
            "The retention time is wrong or too short",
            "`RESCIND_RETENTION`, `RESCIND_REFUSED_RETENTION` or `--older-than` is not"
            " an age, or the first or the last of them is shorter than a day. Rescind"
            " sends a cancellation again if it is submitted again after it was"
            " deleted.",
            "Give an age such as `365d`, longer than anybody may still submit the same"
            " order. Or leave the setting out to keep all cancellations.",
        ),
        Problem(
            "api-tokens",
            "RESCIND_API_TOKENS cannot be used",
            "A token does not have the form `name:scope+scope:token`, is shorter than"
            " 16 characters, or is listed twice. The sentence gives the token's number"
            " in the list; it never shows the token. The HTTP API does not start.",
            "Write each token as `name:scope+scope:token`, separated by commas. The"
            " scopes are `submit`, `read` and `operate`. `rescind init` makes tokens.",
        ),
        Problem(
            "seal-key",
            "The seal key is missing or invalid",
            "`RESCIND_SEAL_KEY` encrypts the personal data in the ledger. If you set"
            " `RESCIND_DATABASE_URL`, you must set the same seal key for every worker"
            " and command. Here it is not set, or is not a key.",
            "`rescind seal-key` prints a new key. If this ledger was used with a key"
            " before, set that one: only it decrypts the data in the ledger.",
        ),
        Problem(
            "sealed-data",
            "The seal key does not decrypt the ledger's data",
            "The personal data in the ledger was encrypted with another key."
            " Cancellations that need this data stay `queued` and are not sent. The"
            " others go on.",
            "Write the former key after the present one in `RESCIND_SEAL_KEY`,"
            " separated by a comma. The cancellations then go on by themselves."
            " [operating.md](operating.md#the-seal-key) says how keys are rotated.",
        ),
        Problem(
            "accounts-missing",
            "There is no account yet",
            "The accounts file does not exist, or has no account. Rescind keeps new"
            " cancellations, or refuses them if their account is not known. It sends"
            " none.",
            "`rescind init` asks for the values and writes the file. Or copy"
            " `accounts.example.toml`, or set `RESCIND_ACCOUNTS` to the path of yours.",
        ),
        Problem(
            "accounts-file",
            "The accounts file cannot be used",
            "The file cannot be read, is not TOML, or is not UTF-8. Until it is"
            " corrected, every lane is held: Rescind keeps new cancellations and sends"
            " none.",
            "The sentence says where in the file the fault is. Workers read the file"
            " again when it changes; they need no restart.",
        ),
        Problem(
            "accounts-readable",
            "Others can read the accounts file",
            "The file holds credentials, and other users of this machine can read it.",
            "`chmod 600 accounts.toml`. In a container, the user who runs the worker"
            " must own the file.",
        ),
        Problem(
            "account-wrong",
            "An account is not set up",
            "A table of the accounts file lacks a credential, has one that cannot be"
            " used, or names a provider that does not exist. Only this lane is held:"
            " its cancellations wait.",
            'Correct what the sentence names. A credential is a value, `{ env = "NAME"'
            ' }` with the variable set where the worker runs, or `{ file = "/path" }`.'
            " No restart is needed.",
        ),
        Problem(
            "provider-broken",
            "An installed provider cannot be used",
            "A package adds a provider that cannot be imported, that was written for"
            " another version of Rescind's interface, or whose name is taken. The"
            " lanes of this provider are held: its cancellations wait. All other lanes"
            " go on.",
            "The sentence names the package. Install a version of it that fits this"
            " Rescind, or uninstall it. Then restart the workers and the HTTP API.",
        ),
        Problem(
            "credentials-refused",
            "The provider refuses the credentials",
            "The provider answered that the account's key, token or login is not valid."
            " Rescind holds the lane. It tries one call when the accounts file has"
            " changed, and every 15 minutes.",
            "Compare the credentials with those in the provider's panel, and write the"
            " right ones into the accounts file. If `rescind lanes` still says that the"
            " lane is held, run `rescind resume LANE`.",
        ),
        Problem(
            "base-url-wrong",
            "base_url does not lead to the provider's API",
            "A server answered at the account's `base_url`, but not as the provider's"
            " API does: it knows no such page, or its answer has another form. The"
            " credentials were not checked.",
            "Compare `base_url` in the accounts file with the one on the provider's"
            " page: it is a scheme and a host, with a prefix if there is one, and"
            " Rescind appends the documented path. Then `rescind resume LANE`.",
        ),
        Problem(
            "openid",
            "Sign-in by OpenID Connect is not set up",
            "`RESCIND_OIDC_ISSUER` is set, and another setting of the sign-in is"
            " missing or wrong. The sentence names it.",
            "Set what the sentence names, and restart the API. docs/dashboard.md lists"
            " the settings. Without `RESCIND_OIDC_ISSUER`, the dashboard takes tokens.",
        ),
        Problem(
            "webhook-settings",
            "Webhooks are not set up",
            "Only one of `RESCIND_WEBHOOK_HOSTS` and `RESCIND_WEBHOOK_SECRET` is set,"
            " or one of them cannot be used. Rescind refuses entries with a"
            " `callback_url`.",
            "Set both: the hosts that may be called, separated by commas, and a secret"
            " (`rescind webhooks secret` prints one). Or leave both out.",
        ),
        Problem(
            "webhooks-private",
            "Webhooks may reach your own network",
            "`RESCIND_WEBHOOK_PRIVATE` allows plain http and addresses in your own"
            " network. A producer that may submit can make Rescind call the listed"
            " hosts there.",
            "Leave it out, unless the receiver really is in your network. If it is,"
            " list only that host in `RESCIND_WEBHOOK_HOSTS`.",
        ),
        Problem(
            "schedules-file",
            "The schedules file, or a rule of it, cannot be used",
            "The file is missing or cannot be read, or a rule in it is wrong. The"
            " sentence says which rule, and where. A wrong rule does not run; the"
            " others do.",
            "Correct the rule, and check it with `rescind schedule check`."
            " `schedules.example.toml` has one rule of each kind. Workers read the file"
            " again when it changes. docs/schedules.md explains each field.",
        ),
        Problem(
            "plans-file",
            "The plans file, or a plan of it, cannot be used",
            "The file is missing or cannot be read, a plan in it is wrong, or it has no"
            " plan of that name. The sentence says which plan and which step. A wrong"
            " plan cannot be submitted; the others can. A file that cannot be read"
            " changes nothing in programs that run.",
            "Correct the plan, and check it with `rescind plan check`."
            " `plans.example.toml` has an example. The workers and the HTTP API read"
            " the file again when it changes. docs/plans.md explains each field.",
        ),
        Problem(
            "already-there",
            "rescind init overwrites nothing",
            "A file that the command would write exists already.",
            "`rescind init --add` appends an account to the accounts file and changes"
            " nothing else in it. To start again from the beginning, move the file away"
            " first.",
        ),
    ),
)
