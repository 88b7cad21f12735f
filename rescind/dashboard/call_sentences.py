"""The sentences on calls, logins and deliveries, for translation.

See ``entry_sentences``.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

CALLS = (
    N_("no connection within %(seconds)s s"),
    N_("not connected: %(why_said)s"),
    N_("connection lost: %(why_said)s"),
    N_("it cannot be sent: %(why)s"),
    N_("connected too late to be sent"),
    N_("no answer within %(seconds)s s"),
    N_("nothing more of a reply within %(seconds)s s"),
    N_("a reply that did not end within its time"),
    N_("a line of more than %(most)s bytes"),
    N_("a reply of more than %(most)s bytes"),
    N_("a reply of more than %(most)s headers"),
    N_("a compressed reply, though none was asked for"),
    N_("it was closed without an answer"),
    N_("the reply is not HTTP"),
    N_("the connection was lost in the middle of a reply"),
    N_(
        "the provider answers with a redirect (HTTP %(status)s), which is "
        "never followed: set base_url to the address that it moved to"
    ),
    N_("HTTP 429, wait %(seconds)s s"),
    N_("a bug of ours: %(kind)s"),
    N_("a bug of ours: %(kind)s while reading it"),
    N_("a bug of ours: %(kind)s while building the call"),
    N_(
        "a web page or firewall answered (HTTP %(status)s), not the API: "
        "%(advice_said)s"
    ),
    N_(
        'a web page or firewall answered (HTTP %(status)s, "%(title)s"), not '
        "the API: %(advice_said)s"
    ),
    N_("allow this server's address there (IP allowlist)"),
    N_("check base_url, and allow this server's address there (IP allowlist)"),
    N_(
        "the provider, or a gateway before it, sent a compressed reply "
        "(%(coding)s, HTTP %(status)s), though none was asked for"
    ),
    N_("%(what_said)s, and it is broken"),
    N_("%(what_said)s, and it is too large"),
    N_("JSON in which a name has two values"),
    N_("HTTP %(status)s with JSON that is not an object"),
    N_("HTTP %(status)s with a body that is not JSON"),
    N_("HTTP %(status)s without a status"),
    N_("HTTP %(status)s, wait %(seconds)s s"),
    N_("the provider %(name)s has a fault: %(kind)s"),
    N_("the whole batch was refused: %(why)s"),
    N_("%(why_said)s (also just after a login)"),
    N_("login: %(why_said)s"),
    N_("a new token is there, and no room in the lane's rate to use it now"),
    N_("the login before it took too long for its lease"),
    N_("Redis cannot be reached to log in: %(kind)s"),
    N_("put back before its turn came"),
    N_("%(lane)s has no usable account"),
    N_("another worker's login did not end in time"),
    N_("waits for %(id)s"),
    N_("%(id)s may have cancelled it"),
    N_("the lease ran out"),
    N_("cancel_before passed"),
    N_("not_before came"),
    N_("its predecessors have ended as it wants, after a retry"),
    N_("released by its predecessors"),
    N_(
        "Akinon refused the login (%(status)s): check username, password, "
        "base_url and api_prefix"
    ),
    N_("Akinon refused the token (401)"),
    N_("Akinon forbids it (403): check the user's permissions"),
    N_("a 200 whose body is not an order"),
    N_("a login reply without a key"),
    N_("a login reply without an access_token"),
    N_(
        "Dükkango refused the login (%(status)s): check app_secret_key, "
        "rest_secret_key and base_url"
    ),
    N_("Dükkango refused the login: %(why_said)s"),
    N_("Dükkango refused the access token (401)"),
    N_("a get-current without a list of orders"),
    N_(
        "iletiMerkezi refused the key and hash (401): check both, the panel's"
        " Settings > Security > Access Permissions > Allow API access, and "
        "its IP list"
    ),
    N_("iletiMerkezi knows no such method (404): check base_url"),
    N_('iThink refused the call (%(status)s, "%(words)s"): %(advice_said)s'),
    N_('iThink refused the call (%(status)s, ""): %(advice_said)s'),
    N_("check access_token and secret_key"),
    N_("check access_token and secret_key, and whether iThink lets this IP in"),
    N_("check base_url and track_url"),
    N_('notpanel refused the call (%(status)s, "%(words)s"): %(advice_said)s'),
    N_('notpanel refused the call (%(status)s, ""): %(advice_said)s'),
    N_("check the key"),
    N_("check the key, and on the dashboard whether the account is suspended"),
    N_("check base_url"),
    N_("an unknown number"),
)
"""What a call proved, why a lane waits, and why an order changed."""
REPLIES = (
    N_("the reply is about another order"),
    N_("the reply lacks some named items"),
    N_("the report is about another order"),
    N_("no reason given"),
    N_("not among the current orders"),
    N_("listed without one clear status"),
    N_(
        "delivered in part: %(left_said)s of it remained, and was cancelled "
        "and refunded"
    ),
    N_("a fault of ours: %(what)s"),
)
"""What Rescind itself says of a reply, where the provider's own words usually stand."""
DUPLICATES = (N_("cancelled by %(id)s"),)
"""Why an order was not sent, in the same place."""
DELIVERIES = (
    N_("HTTP 410: the receiver wants no more webhooks"),
    N_("HTTP %(status)s: redirects are not followed"),
    N_("not sent: callback_url %(why_said)s"),
    N_("not sent: the address %(why_said)s"),
    N_("the broker cannot be reached: %(why)s"),
    N_("it has no address"),
    N_("it took longer than %(seconds)s s"),
    N_("its certificate is not trusted: %(why)s"),
    N_("%(host)s could not be looked up within %(seconds)s s"),
    N_("%(host)s cannot be found: %(why_said)s"),
    N_("there is no such name"),
    N_(
        "not sent: %(host)s resolves to %(address)s, which is not a public "
        "address; RESCIND_WEBHOOK_PRIVATE allows those of your own network"
    ),
)
"""Why a notification was not delivered."""
SYSTEM = (
    N_("[Errno %(number)s] %(words_said)s"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("Network is unreachable"),
    N_("No route to host"),
    N_("Permission denied"),
    N_("Is a directory"),
)
"""Frequent words of the operating system."""
