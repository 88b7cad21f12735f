""".env.example names every setting, and holds no secret."""

from __future__ import annotations

from tests.deployment.files import COMPOSE_TEXT, ENV_EXAMPLE, REFERENCE

SETTINGS = {
    "RESCIND_HOME",
    "RESCIND_REDIS_URL",
    "RESCIND_DATABASE_URL",
    "RESCIND_DATABASE_REPLICA_URL",
    "RESCIND_ACCOUNTS",
    "RESCIND_API_TOKENS",
    "RESCIND_API_TOKENS_FILE",
    "RESCIND_API_HOST",
    "RESCIND_API_PORT",
    "RESCIND_API_RATE",
    "RESCIND_API_ENTRY_RATE",
    "RESCIND_PUBLIC_URL",
    "RESCIND_OIDC_ISSUER",
    "RESCIND_OIDC_CLIENT_ID",
    "RESCIND_OIDC_CLIENT_SECRET",
    "RESCIND_OIDC_CLAIM",
    "RESCIND_OIDC_ROLES",
    "RESCIND_SEAL_KEY",
    "RESCIND_LOG_FORMAT",
    "RESCIND_RETENTION",
    "RESCIND_REFUSED_RETENTION",
    "RESCIND_SCHEDULES",
    "RESCIND_PLANS",
    "RESCIND_WEBHOOK_SECRET",
    "RESCIND_WEBHOOK_HOSTS",
    "RESCIND_WEBHOOK_PRIVATE",
}


def test_the_example_environment_names_every_setting() -> None:
    names = set(ENV_EXAMPLE)
    assert {n for n in names if n.startswith("RESCIND_")} - {"RESCIND_UID"} == SETTINGS
    assert {name for name, *_ in REFERENCE.findall(COMPOSE_TEXT)} <= names


def test_the_example_environment_holds_no_secret() -> None:
    values = {k: v for k, v in ENV_EXAMPLE.items() if v}
    assert values == {
        "RESCIND_HOME": ".rescind",
        "RESCIND_ACCOUNTS": "accounts.toml",
        "RESCIND_UID": "1000",
    }
