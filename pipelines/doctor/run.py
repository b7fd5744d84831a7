"""Run all checks, at once, and return their findings in a fixed order.

Reads site.toml's values, helm/ and flux/. Starts kubectl and flux. Network: the
cluster, the services, the site's address. No writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from pipelines.core.config import Environment
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError, ToolError
from pipelines.doctor import cluster_checks, flux_checks, local_checks, service_checks
from pipelines.doctor.cluster import Cluster
from pipelines.doctor.cluster_checks import ClusterInputs
from pipelines.doctor.outcome import Finding, Outcome, failed, failed_message, unknown
from pipelines.doctor.service_checks import ServiceInputs
from pipelines.flow.services import open_services

CLUSTER_CHECKS: tuple[tuple[str, Callable[[ClusterInputs], Iterable[Outcome]]], ...] = (
    ("kubernetes", cluster_checks.check_version),
    ("nodes", cluster_checks.check_nodes),
    ("network policies", cluster_checks.check_policies),
    ("storage", cluster_checks.check_storage),
    ("dns", cluster_checks.check_dns),
    ("edge", cluster_checks.check_edge),
    ("metrics", cluster_checks.check_metrics),
    ("flux", flux_checks.check_flux),
    ("postgres-operator", flux_checks.check_operator),
    ("secrets", flux_checks.check_secrets),
)
SERVICE_CHECKS: tuple[tuple[str, Callable[[ServiceInputs], Iterable[Outcome]]], ...] = (
    ("registry", service_checks.check_registry),
    ("charts", service_checks.check_charts),
    ("assets bucket", service_checks.check_assets),
    ("archive bucket", service_checks.check_archive),
)
_WORKERS = 6  # each runs a kubectl, of 50 MB

Check = Callable[[], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class DoctorInputs:
    """What all checks read."""

    flow: FlowContext
    credentials_fault: str  # why the credentials of *flow* are empty; "" where they could be read
    environment: Environment
    kubeconfig: str  # a value of KUBECONFIG; "" for none
    timeout: float  # seconds, for each request
    now: float  # seconds since 1970


def examine(inputs: DoctorInputs) -> tuple[Finding, ...]:
    """Return the findings of every check; a check that raises has failed."""
    flow = inputs.flow
    cluster = Cluster(inputs.kubeconfig, inputs.timeout)
    of_cluster = ClusterInputs(cluster, flow.project, flow.site, inputs.environment)
    unreachable = _why_unreachable(inputs, cluster)
    checks: list[tuple[str, Check]] = [
        ("programs", local_checks.check_programs),
        ("settings", partial(local_checks.check_settings, flow.project, flow.site)),
    ]
    if unreachable:
        checks += [("kubernetes", partial(_outcome, unreachable)), ("cluster", _not_checked)]
    else:
        checks += [(name, partial(check, of_cluster)) for name, check in CLUSTER_CHECKS]
    if inputs.credentials_fault:
        checks.append(("credentials", partial(_outcome, failed_message(inputs.credentials_fault))))
    with ExitStack() as stack:
        try:
            of_services = ServiceInputs(flow.site, stack.enter_context(open_services(flow)))
        except PipelineError as error:
            checks.append(("services", partial(_outcome, failed_message(str(error)))))
        else:
            checks += [(name, partial(check, of_services)) for name, check in SERVICE_CHECKS]
        checks.append(("address", partial(_check_address, inputs, cluster, is_reachable=not unreachable)))
        with ThreadPoolExecutor(_WORKERS) as pool:
            return tuple(finding for found in pool.map(_run, checks) for finding in found)


def _why_unreachable(inputs: DoctorInputs, cluster: Cluster) -> Outcome | None:
    """Return why no check of the cluster can run, or None."""
    if not inputs.kubeconfig:
        return failed("no kubeconfig is set", "name one in KUBECONFIG, or write ~/.kube/config")
    try:
        return None if cluster.version else failed("the cluster has no version", "check its API server")
    except ToolError as error:
        return failed_message(str(error))


def _not_checked() -> Iterable[Outcome]:
    names = ", ".join(name for name, _ in CLUSTER_CHECKS[1:])
    return [unknown(f"not checked: {names}", "let kubectl reach the cluster, and run it again")]


def _check_address(inputs: DoctorInputs, cluster: Cluster, *, is_reachable: bool) -> Iterable[Outcome]:
    try:
        installed = is_reachable and cluster.has_flux
    except ToolError:  # the check of Flux reports it
        installed = False
    return service_checks.check_address(
        inputs.environment,
        inputs.flow.credentials.authority,
        inputs.timeout,
        inputs.now,
        installed=installed,
    )


def _outcome(one: Outcome) -> Iterable[Outcome]:
    return [one]


def _run(check: tuple[str, Check]) -> list[Finding]:
    """Return the findings of a check; what it has found before it raises counts."""
    outcomes: list[Outcome] = []
    try:
        outcomes.extend(check[1]())
    except PipelineError as error:
        outcomes.append(failed_message(str(error)))
    return [Finding(check[0], one.state, one.text, one.fix) for one in outcomes]
