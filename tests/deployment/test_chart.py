"""The Helm chart is valid, and each name in it exists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from flower import options as _flower  # noqa: F401  (it registers its options)
from flower.urls import handlers
from kubernetes_validate import latest_version, validate
from starlette.routing import Match
from tornado.options import options
from tornado.routing import URLSpec

from rescind.api import health
from rescind.api.http_server import GRACE_SECONDS
from rescind.config.settings import Settings
from rescind.dashboard import static_files
from rescind.dashboard.static_files import KINDS
from rescind.provider.policy import Policy
from rescind.runtime.alive_file import VARIABLE
from rescind.telemetry.metric_catalogue import METRICS
from tests.deployment.files import ROOT
from tests.deployment.manifests import (
    REFUSED,
    VARIANTS,
    Chart,
    Manifest,
    charts,
    container,
    needs_helm,
    variables,
)
from tests.deployment.test_commands import assert_runnable
from tests.deployment.test_monitoring import named
from tests.promtool import needs_promtool, promtool
from tests.test_project import PROJECT
from worker.signals import LONGER_SECONDS

pytestmark = needs_helm
FOLDER = ROOT / "deploy" / "helm" / "rescind"
META = yaml.safe_load((FOLDER / "Chart.yaml").read_text())
VALUES = yaml.safe_load((FOLDER / "values.yaml").read_text())
SCHEMA: dict[str, Any] = yaml.safe_load((FOLDER / "values.schema.json").read_text())
OLDEST = META["kubeVersion"].removeprefix(">=").removesuffix(".0-0")
SETTINGS = {f"RESCIND_{name.upper()}" for name in Settings.model_fields}
SECRET = {
    f"RESCIND_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if "Secret" in str(field.annotation)
}
FLOWER_ROUTES = [one for one in handlers if isinstance(one, tuple)]
OPTIONAL = {
    "RESCIND_WEBHOOK_SECRET",
    "RESCIND_OIDC_CLIENT_SECRET",
    "RESCIND_DATABASE_REPLICA_URL",
}


@pytest.fixture(params=VARIANTS)
def chart(request: pytest.FixtureRequest) -> Chart:
    return charts()[request.param]


@pytest.fixture
def whole() -> Chart:
    return charts()["whole"]


# --- the chart as Helm and Kubernetes see it ----------------------------------------


def test_helm_finds_no_fault(chart: Chart) -> None:
    assert (chart.refused, chart.faults) == ("", [])
    assert chart.objects


@pytest.mark.parametrize("version", [OLDEST, latest_version()])
def test_every_object_is_valid_in_kubernetes(chart: Chart, version: str) -> None:
    for one in chart.objects:
        if one["apiVersion"] != "keda.sh/v1alpha1":
            assert validate(one, version, strict=True) in version


@pytest.mark.parametrize("what", REFUSED)
def test_helm_refuses(what: str) -> None:
    assert "meet the specifications of the schema" in charts()[what].refused


def test_the_chart_has_the_version_of_the_project() -> None:
    version = PROJECT["project"]["version"]
    assert (META["version"], META["appVersion"]) == (version, version)


def test_every_value_is_described_by_the_schema() -> None:
    def check(values: dict[str, Any], schema: dict[str, Any]) -> None:
        described = schema.get("properties", {})
        if not described:
            return
        assert set(values) == set(described) - {"global"}
        assert schema["additionalProperties"] is False
        for name, value in values.items():
            if isinstance(value, dict):
                check(value, described[name])

    check(VALUES, SCHEMA)


def test_the_settings_that_may_be_given_are_settings_and_no_secrets() -> None:
    allowed = SCHEMA["properties"]["settings"]["propertyNames"]["enum"]
    assert set(allowed) <= SETTINGS - SECRET
    fixed = {one for _, pod in charts()["whole"].pods() for one in variables(pod)}
    assert not set(allowed) & (fixed - VARIANTS["whole"]["settings"].keys()) - {
        "RESCIND_LOG_FORMAT"
    }


def test_no_two_objects_have_one_name(chart: Chart) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in chart.objects]
    assert len(names) == len(set(names))


# --- what runs ----------------------------------------------------------------------


def test_the_whole_system_runs() -> None:
    found = {name: dict(charts()[name].pods()).keys() for name in VARIANTS}
    assert found["default"] == {"worker", "beat", "api", "flower", "migrate"}
    assert found["small"] == found["default"] - {"flower"}


def test_every_command_exists(whole: Chart) -> None:
    for _, pod in whole.pods():
        assert_runnable(container(pod)["command"])


def test_every_variable_is_one_that_a_program_reads(chart: Chart) -> None:
    flower = {f"FLOWER_{name.replace('-', '_').upper()}" for name in options}
    for _, pod in chart.pods():
        assert variables(pod).keys() <= SETTINGS | flower


def test_each_secret_is_taken_from_a_secret_and_the_chart_makes_none(
    chart: Chart,
) -> None:
    assert chart.of_kind("Secret") == []
    for _, pod in chart.pods():
        given = variables(pod)
        for name in (SECRET | {"FLOWER_BASIC_AUTH"}) & given.keys():
            reference = given[name]["secretKeyRef"]
            assert reference.get("optional", False) == (name in OPTIONAL)


def test_each_program_gets_the_secrets_that_it_needs_and_no_more(chart: Chart) -> None:
    ledger = {"RESCIND_REDIS_URL", "RESCIND_DATABASE_URL", "RESCIND_SEAL_KEY"}
    expected = {
        "worker": ledger | {"RESCIND_WEBHOOK_SECRET"},
        "api": ledger | OPTIONAL,
        "migrate": ledger,
        "beat": {"RESCIND_REDIS_URL"},
        "flower": {"RESCIND_REDIS_URL"},
    }
    for component, pod in chart.pods():
        assert SECRET & variables(pod).keys() == expected[component]
        mounted = {one["name"] for one in container(pod)["volumeMounts"]}
        assert ("accounts" in mounted) == (component in ("worker", "api"))
        assert ("tokens" in mounted) == (component == "api")
        assert "envFrom" not in container(pod) or component in ("worker", "api")


def test_settings_reach_every_program_in_place_of_the_chart_s_own() -> None:
    for name, log_format in (("default", "json"), ("whole", "logfmt")):
        for _, pod in charts()[name].pods():
            assert variables(pod)["RESCIND_LOG_FORMAT"] == log_format
    for _, pod in charts()["whole"].pods():
        assert variables(pod)["RESCIND_WEBHOOK_PRIVATE"] == "true"


def test_every_file_that_a_variable_names_is_mounted(chart: Chart) -> None:
    for _, pod in chart.pods():
        mounts = _mounts(pod)
        assert mounts.keys() == {one["name"] for one in pod["spec"]["volumes"]}
        named = [v for v in variables(pod).values() if str(v).startswith("/")]
        for path in map(PurePosixPath, [*named, *_files(container(pod)["command"])]):
            assert any(path.is_relative_to(at) for at in mounts.values()), path


def _mounts(pod: Manifest) -> dict[str, str]:
    return {m["name"]: m["mountPath"] for m in container(pod)["volumeMounts"]}


def _files(command: list[str]) -> list[str]:
    return [word for word in command if word.startswith("/")]


def test_what_a_program_writes_is_in_a_folder_that_it_may_write(chart: Chart) -> None:
    image = (ROOT / "Dockerfile").read_text()
    [alive] = re.findall(rf"{VARIABLE}=(\S+)", image)
    for component, pod in chart.pods():
        tmp = {"name": "tmp", "emptyDir": {}}
        assert tmp in pod["spec"]["volumes"]
        assert _mounts(pod)["tmp"] == "/tmp"
        written = [variables(pod)["RESCIND_HOME"], *_files(container(pod)["command"])]
        written += [alive] if component == "worker" else []
        assert all(path.startswith("/tmp/") for path in written)


def test_a_changed_secret_or_config_map_reaches_a_running_program(
    whole: Chart,
) -> None:
    """A file that is mounted by itself, by subPath, never changes."""
    for _, pod in whole.pods():
        assert not any("subPath" in one for one in container(pod)["volumeMounts"])


def test_files_of_secrets_are_readable_for_the_program_alone(whole: Chart) -> None:
    for _, pod in whole.pods():
        secrets = [v["secret"] for v in pod["spec"]["volumes"] if "secret" in v]
        assert all(one["defaultMode"] == 0o440 for one in secrets)
        assert pod["spec"]["securityContext"]["fsGroup"] == VALUES["user"]


# --- what may be done ---------------------------------------------------------------


def test_no_program_has_rights_that_it_does_not_need(chart: Chart) -> None:
    for _, pod in chart.pods():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_program_has_a_bound_of_its_memory(chart: Chart) -> None:
    for _, pod in chart.pods():
        resources = container(pod)["resources"]
        assert resources["limits"].keys() == {"memory"}, "a bound of the CPU slows it"
        assert resources["requests"].keys() == {"cpu", "memory"}


def test_every_selector_finds_the_pods_of_its_component(chart: Chart) -> None:
    labels = {
        component: pod["metadata"]["labels"].items() for component, pod in chart.pods()
    }
    for one in chart.of_kind("Deployment", "Service", "PodDisruptionBudget"):
        spec = one["spec"]
        selector = spec["selector"].get("matchLabels", spec["selector"])
        found = {c for c, its in labels.items() if selector.items() <= its}
        assert found == {one["metadata"]["name"].rpartition("-")[2]}


def test_programs_of_which_there_are_several_are_drained_one_by_one(
    chart: Chart,
) -> None:
    budgets = chart.of_kind("PodDisruptionBudget")
    names = {one["metadata"]["name"].rpartition("-")[2] for one in budgets}
    assert names == {"worker", "beat", "api"}
    assert all(one["spec"]["maxUnavailable"] == 1 for one in budgets)


def _ports(rules: Iterable[Manifest]) -> set[int | str]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def _reachable(chart: Chart, component: str) -> tuple[set[int | str], set[int | str]]:
    """The ports on which a component's pods are reached, and those they may use."""
    pod = dict(chart.pods())[component]
    labels = pod["metadata"]["labels"].items()
    into, out = set[int | str](), set[int | str]()
    for policy in chart.of_kind("NetworkPolicy"):
        spec = policy["spec"]
        if spec["podSelector"]["matchLabels"].items() <= labels:
            for rules, ports in (
                (spec.get("ingress"), into),
                (spec.get("egress"), out),
            ):
                ports |= {p["port"] for rule in rules or () for p in rule["ports"]}
    return into, out


@pytest.mark.parametrize(
    ("component", "into", "out"),
    [
        ("worker", set(), {53, 6379, 5432, 443}),
        ("beat", set(), {53, 6379}),
        ("api", {"http"}, {53, 6379, 5432}),
        ("flower", {"http"}, {53, 6379}),
        ("migrate", set(), {53, 6379, 5432}),
    ],
)
def test_each_program_reaches_and_is_reached_by_what_it_needs(
    component: str, into: set[int | str], out: set[int | str]
) -> None:
    assert _reachable(charts()["default"], component) == (into, out)


def test_further_addresses_can_be_allowed(whole: Chart) -> None:
    assert _reachable(whole, "worker")[1] == {53, 6379, 26379, 5432, 443, 5433}
    # It asks the OpenID Connect provider.
    assert _reachable(whole, "api")[1] == {53, 6379, 26379, 5432, 443}
    assert charts()["small"].of_kind("NetworkPolicy") == []


def test_the_migration_runs_first_and_may_use_the_network_then(chart: Chart) -> None:
    hooks = [
        (int(notes["helm.sh/hook-weight"]), one["kind"], notes["helm.sh/hook"])
        for one in chart.objects
        if (notes := one["metadata"].get("annotations"))
    ]
    before = "pre-install,pre-upgrade"
    expected = [(-10, "NetworkPolicy", before)] if _reaches(chart) else []
    assert sorted(hooks) == [*expected, (0, "Job", before)]


def _reaches(chart: Chart) -> bool:
    return bool(chart.of_kind("NetworkPolicy"))


# --- ports and probes ---------------------------------------------------------------


def test_every_port_has_a_container_that_listens_on_it(chart: Chart) -> None:
    pods = dict(chart.pods())
    listens = {"api": "RESCIND_API_PORT", "flower": "FLOWER_PORT"}
    for service in chart.of_kind("Service"):
        component = service["spec"]["selector"]["app.kubernetes.io/component"]
        [port] = service["spec"]["ports"]
        [own] = container(pods[component])["ports"]
        assert port["targetPort"] == own["name"]
        assert variables(pods[component])[listens[component]] == str(
            own["containerPort"]
        )


def _probes(chart: Chart) -> list[tuple[str, str, dict[str, Any]]]:
    kinds = ("livenessProbe", "readinessProbe", "startupProbe")
    return [
        (component, kind, container(pod)[kind])
        for (component, pod), kind in product(chart.pods(), kinds)
        if kind in container(pod)
    ]


def test_each_program_that_stays_is_probed(chart: Chart) -> None:
    alive = {c for c, kind, _ in _probes(chart) if kind == "livenessProbe"}
    assert alive == dict(chart.pods()).keys() - {"migrate"}


def test_probes_ask_what_the_image_s_check_knows(chart: Chart) -> None:
    script = (ROOT / "deploy" / "image" / "healthy").read_text()
    for component, kind, probe in _probes(chart):
        if "exec" in probe:
            program, word = probe["exec"]["command"]
            assert program == "healthy"
            assert word == ("ready" if kind == "readinessProbe" else component)
            assert re.search(rf"(?m)^  {word}\) ", script)


def test_no_program_is_ended_because_another_service_is_away(chart: Chart) -> None:
    for component, kind, probe in _probes(chart):
        if kind != "readinessProbe" and component == "api":
            assert probe["httpGet"]["path"].startswith("/desk/static/")


def test_probes_by_http_ask_routes_that_exist(chart: Chart) -> None:
    for component, _, probe in _probes(chart):
        if asked := probe.get("httpGet"):
            assert asked["port"] == "http"
            assert _is_route(component, asked["path"]), asked


def _is_route(component: str, path: str) -> bool:
    if component == "flower":
        return any(URLSpec(*one).regex.fullmatch(path) for one in FLOWER_ROUTES)
    scope = {"type": "http", "path": path, "method": "GET"}
    routes = [*health.router.routes, *static_files.router.routes]
    found = [one for one in routes if one.matches(scope)[0] is Match.FULL]
    named = not path.startswith("/desk/") or PurePosixPath(path).name in KINDS
    return bool(found) and named


# --- time ---------------------------------------------------------------------------


def test_a_worker_has_time_to_let_its_calls_end() -> None:
    """By default for each account, whatever its ``read_timeout``."""
    bounds = {
        m.le for m in Policy.model_fields["read_timeout"].metadata if hasattr(m, "le")
    }
    [longest] = bounds
    for _, pod in charts()["default"].pods():
        if container(pod)["name"] == "worker":
            needed = longest + LONGER_SECONDS
            assert pod["spec"]["terminationGracePeriodSeconds"] > needed


def test_the_api_has_time_to_let_its_requests_end(whole: Chart) -> None:
    pod = dict(whole.pods())["api"]
    [_, pause] = container(pod)["lifecycle"]["preStop"]["exec"]["command"]
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    assert grace > int(pause) + GRACE_SECONDS


# --- scaling ------------------------------------------------------------------------


def test_workers_are_scaled_by_keda_or_by_a_number() -> None:
    for name in VARIANTS:
        spec = charts()[name].one("Deployment", "worker")["spec"]
        scaled = charts()[name].of_kind("ScaledObject")
        assert ("replicas" in spec) != bool(scaled)


def test_the_scaled_object_names_the_workers_and_a_metric_that_exists(
    whole: Chart,
) -> None:
    spec = whole.one("ScaledObject", "worker")["spec"]
    # As KEDA's definition has them; Helm and Kubernetes alone do not know it.
    assert spec.keys() == {
        *("scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval"),
        *("fallback", "advanced", "triggers"),
    }
    assert spec["scaleTargetRef"] == {
        "name": whole.one("Deployment", "worker")["metadata"]["name"]
    }
    [trigger] = spec["triggers"]
    assert named(trigger["metadata"]["query"]) <= METRICS.keys()
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    fewest = spec["fallback"]["replicas"]
    assert fewest == spec["minReplicaCount"] < spec["maxReplicaCount"]


@needs_promtool
def test_prometheus_answers_the_scaler_with_one_number(
    whole: Chart, tmp_path: Path
) -> None:
    [trigger] = whole.one("ScaledObject", "worker")["spec"]["triggers"]
    rule = {"record": "answer", "expr": trigger["metadata"]["query"]}
    rules, tests = tmp_path / "rules.yml", tmp_path / "tests.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "keda", "rules": [rule]}]}))
    series = [
        {"series": f'rescind_workable_backlog{{instance="{one}"}}', "values": "700"}
        for one in ("a", "b")
    ]
    expected = [{"labels": "answer", "value": 700}]
    case = {"expr": "answer", "eval_time": "0m", "exp_samples": expected}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [case]}
    tests.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    promtool("test", "rules", tests)


# --- the documentation --------------------------------------------------------------


def test_the_documented_secrets_are_those_that_the_chart_names() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    section = page.partition("\n## Kubernetes\n")[2].partition("\n## ")[0]
    made = re.findall(r"secret generic (\S+) --from-(?:env-)?file=(\S+)", section)
    assert dict(made) == {
        VALUES["secret"]["name"]: "rescind.env",
        VALUES["accounts"]["secret"]: "accounts.toml",
        VALUES["tokens"]["secret"]: "tokens",
        VALUES["flower"]["secret"]: "basic-auth",
    }
    keys = re.findall(r"(?m)^([a-z-]+)=", section)
    assert keys == [VALUES["secret"][k] for k in ("redisUrl", "databaseUrl", "sealKey")]


def test_the_keys_of_the_secrets_are_the_files_that_programs_read(
    whole: Chart,
) -> None:
    pods = dict(whole.pods())
    api = variables(pods["api"])
    assert api["RESCIND_API_TOKENS_FILE"].endswith("/tokens")
    assert api["RESCIND_ACCOUNTS"].endswith("/accounts.toml")
    assert api["RESCIND_PLANS"].endswith("/plans.toml")
    assert variables(pods["worker"])["RESCIND_SCHEDULES"].endswith("/schedules.toml")
    flower = variables(pods["flower"])["FLOWER_BASIC_AUTH"]["secretKeyRef"]
    assert flower["key"] == "basic-auth"
