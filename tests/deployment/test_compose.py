"""docker-compose.yml describes the whole system, and publishes none of it."""

from __future__ import annotations

import pytest

from tests.deployment.files import (
    COMPOSE,
    COMPOSE_TEXT,
    OURS,
    REFERENCE,
    SERVICES,
)


def test_the_services_are_the_whole_system() -> None:
    assert set(SERVICES) == {
        "redis",
        "postgres",
        "migrate",
        "worker",
        "beat",
        "flower",
        "api",
    }
    assert {"migrate", "worker", "beat", "flower", "api"} == OURS


def test_redis_keeps_what_is_queued_and_evicts_nothing() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"].startswith("${REDIS_PASSWORD:?")


@pytest.mark.parametrize(
    ("service", "folder"),
    [("redis", "/data"), ("postgres", "/var/lib/postgresql")],
)
def test_persistent_data_is_on_a_named_volume(service: str, folder: str) -> None:
    (mount,) = SERVICES[service]["volumes"]
    volume, where = mount.split(":")
    assert volume in COMPOSE["volumes"]
    assert where == folder


def test_no_port_is_published_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(str(port).startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default() -> None:
    asked = REFERENCE.findall(COMPOSE_TEXT)
    found = {name: operator for name, operator, _ in asked}
    # Without OpenID Connect and without a replica, these seven are not set.
    optional = (
        *("PUBLIC_URL", "OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"),
        *("OIDC_CLAIM", "OIDC_ROLES", "DATABASE_REPLICA_URL"),
    )
    defaults = {name: value for name, _, value in asked}
    assert {defaults[f"RESCIND_{name}"] for name in optional} == {""}
    settings = (
        *("RETENTION", "REFUSED_RETENTION", "API_RATE", "API_ENTRY_RATE"),
        *("SCHEDULES", "PLANS", "LOG_FORMAT", "UID", "API_TOKENS_FILE", *optional),
    )
    for plain in settings:
        assert found.pop(f"RESCIND_{plain}") == ":-"
    assert set(found) == {
        "FLOWER_BASIC_AUTH",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "RESCIND_API_TOKENS",
        "RESCIND_SEAL_KEY",
    }
    assert set(found.values()) == {":?"}


def test_only_services_that_need_credentials_get_them() -> None:
    given = {name for name in OURS if {"secrets", "env_file"} & set(SERVICES[name])}
    assert given == {"worker", "api"}
    sealing = {n for n in OURS if "RESCIND_SEAL_KEY" in SERVICES[n]["environment"]}
    assert sealing == {"worker", "api", "migrate"}


def test_the_api_starts_with_or_without_redis() -> None:
    assert "redis" not in SERVICES["api"]["depends_on"]


def test_every_service_is_watched_and_restarted() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] != "no"
        assert "healthcheck" in service, name


def test_nothing_starts_before_what_it_needs() -> None:
    for name in ("worker", "beat"):
        needs = SERVICES[name]["depends_on"]
        done = {"condition": "service_completed_successfully"}
        assert needs["migrate"] == done
        assert needs["redis"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["depends_on"] == {
        "redis": {"condition": "service_healthy"},
        "postgres": {"condition": "service_healthy"},
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_have_few_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
