"""The sentences on accounts, packages, the ledger's address and health.

See ``entry_sentences``.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

ACCOUNTS = (
    N_("account %(account)s of %(provider)s is not in the accounts file"),
    N_(
        "the accounts file %(name)s does not exist: `rescind init` writes "
        "one, or set RESCIND_ACCOUNTS"
    ),
    N_("the accounts file %(name)s cannot be read: %(why_said)s"),
    N_("the accounts file %(name)s is not UTF-8"),
    N_("the accounts file %(name)s is not TOML: %(why)s"),
    N_("%(place)s must be a table of settings"),
    N_("must be a table of settings"),
    N_('%(field)s must be a value, { env = "NAME" } or { file = "path" }'),
    N_("%(field)s: %(variable)s is not set, and the file .env cannot be read"),
    N_("%(field)s: the variable %(variable)s is not set"),
    N_("%(field)s: the file %(name)s cannot be read"),
    N_(
        "%(place)s belongs to another user (id %(id)s): another user of this "
        "machine may have put it there"
    ),
    N_(
        "%(place)s is a symbolic link of another user (id %(id)s): another "
        "user of this machine may have put it there"
    ),
    N_(
        "%(place)s can be written by everybody: another user of this machine "
        "may have put it there"
    ),
    N_("must be a scheme and a host, such as https://host"),
    N_("must have no query, fragment, user name or password"),
    N_("must have no spaces, backslashes or control characters"),
    N_("must have a port from 1 to 65535, or none"),
    N_(
        "base_url is plain http: credentials would travel unencrypted; use "
        "https, or set allow_plain_http = true"
    ),
    N_("is plain http: use https, or set allow_plain_http = true"),
    N_("must be a path such as /api/i1"),
    N_("must be printable ASCII without spaces, and not empty"),
    N_(
        "token is set, and username or password too: set either token, or "
        "username and password"
    ),
    N_("username and password are required, unless token is set"),
    N_(
        "access_token is set, and a secret key too: set either access_token, "
        "or app_secret_key and rest_secret_key"
    ),
    N_("app_secret_key and rest_secret_key are required, unless access_token is set"),
    N_('%(field)s must be such as "90/minute" or "1/30 second", or "none"'),
    N_("%(field)s must be from 0 seconds to ten years"),
)
"""What is wrong with the accounts file."""
PACKAGES = (
    N_(
        "no provider %(name)s is installed: install the package that adds it;"
        " the providers are %(known)s"
    ),
    N_("provider cannot be used: %(why_said)s"),
    N_("the provider %(name)s of %(package)s %(why_said)s"),
    N_("an unnamed package"),
    N_("%(why_said)s: correct, update or uninstall the package"),
    N_("cannot be imported (%(why)s)"),
    N_("cannot be made (%(why)s)"),
    N_(
        "has a wrong name: a name has small letters, digits and _, and begins"
        " with a letter; correct, update or uninstall the package"
    ),
    N_("has a name that is Rescind's own: uninstall the package"),
    N_("is there more than once: uninstall all but one of them"),
    N_("is not a class that derives from rescind.provider.Provider"),
    N_(
        "has interface version %(version)s, and this Rescind has %(known)s: "
        "install versions that fit together"
    ),
    N_("calls itself %(name)s"),
    N_("must have %(name)s, which is a %(kind)s"),
    N_("must have %(name)s, which derives from %(kind)s"),
    N_("has params without a JSON schema (%(kind)s)"),
    N_("has advice that cannot be shown (%(reason)s)"),
    N_(
        "must have active_trusted_after of at least %(least)s s in its "
        "policy, because a call whose answer was lost may still take effect"
    ),
)
"""Why the package of a provider cannot be used."""
UNREACHABLE = (
    N_("the ledger is too slow: %(why)s"),
    N_("the ledger %(place)s cannot be written: the disk is full; make room on it"),
    N_(
        "the ledger %(place)s cannot be written: it is read-only, as a "
        "standby is; RESCIND_DATABASE_URL must lead to the primary"
    ),
    N_("the ledger %(place)s has no tables yet: run `rescind migrate`"),
    N_("%(place)s is not a ledger: %(why)s; check RESCIND_DATABASE_URL"),
    N_("the ledger %(place)s is locked by another program: %(why)s"),
    N_("the ledger %(place)s refuses: %(why)s; %(advice_said)s"),
    N_("its role lacks a right, which its administrator can grant"),
    N_("the schema in its role's search_path does not exist, or is not named"),
    N_("the ledger %(place)s cannot be reached: %(why_said)s"),
    N_("no connection"),
)
"""Why the ledger cannot be used."""
HEALTH = (
    N_(
        "No worker has swept for %(seconds)s s. Check that workers and beat run"
        " (`rescind up`, `celery -A worker worker`, `celery -A worker beat`), and read"
        " their logs. Submissions are accepted, and wait."
    ),
    N_(
        "A clock was set back: the newest time in the ledger is %(seconds)s s ahead of"
        " this clock. Work that waits for its time waits so much longer. Set the clocks"
        " right (NTP)."
    ),
    N_(
        "Redis cannot be reached, so it is not known whether workers run. Check that"
        " Redis runs: `rescind doctor` says more. Submissions are accepted, and wait."
    ),
    N_("Redis refuses (%(code)s): %(why_said)s. Submissions are accepted, and wait."),
    N_("Redis refuses (%(code)s). Submissions are accepted, and wait."),
    N_("it has reached maxmemory: give it more memory, or delete other data in it"),
    N_("it cannot write to its disk: look at its log, and make room there"),
    N_("it is a replica: RESCIND_REDIS_URL must lead to the master"),
    N_("its role has changed, or CLIENT UNBLOCK was called on it"),
    N_("it has too few replicas: see min-replicas-to-write"),
    N_("the user in RESCIND_REDIS_URL may not do this: see its ACL"),
    N_("it is part of a Redis Cluster, which Rescind cannot use"),
    N_("it has no database with the number in RESCIND_REDIS_URL"),
)
"""What ``GET /healthz`` finds: why no order can be sent."""
