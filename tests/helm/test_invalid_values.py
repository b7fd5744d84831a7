"""Invalid values fail the chart: each message names the value, what is wrong and the fix."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.helm.render import CHART, helm, template, values_options

INVALID: list[tuple[str, str, Any, str]] = [
    # mode, value, what it is set to, part of the message
    ("nodeport", "site.url", "small.example",
     'site.url: "small.example" is not an address of a site; write https'),
    ("nodeport", "site.url", "https://small.example/", "site.url: "),
    ("nodeport", "site.name", "", "site.name: is empty; write the name of the site in mails"),
    ("nodeport", "release.commit", "main",
     'release.commit: "main" is not a commit; `pipelines chart` writes it'),
    ("nodeport", "release.site", "sha256:1",
     'release.site: "sha256:1" is not the digest of a tree; `pipelines'),
    ("nodeport", "release.asset", "/site.css",
     'release.asset: "/site.css" is not a hashed asset; `pipelines'),
    ("nodeport", "web.image.digest", "1.4.12",
     'web.image.digest: "1.4.12" is not a digest; write sha256: and 64'),
    ("nodeport", "web.image.digest", "", 'web.image.digest: "" is not a digest; write sha256:'),
    ("nodeport", "web.image.tag", "latest",
     "web.image.tag: latest may name another image tomorrow; remove it, and"),
    ("nodeport", "api.image.tag", 1.4, "api.image.tag: 1.4 may name another image tomorrow; remove it, and"),
    ("nodeport", "api.image.repository", "registry.example/me/api:1", "api.image.repository: "),
    ("nodeport", "web.image.repository", "nginx", "write host/path without tag and digest, as in registry."),
    ("nodeport", "web.replicas", 0, "'/web/replicas': minimum: got 0, want 1"),
    ("nodeport", "web.replicas", "3", 'web.replicas: "3" is not a number of pods; write 1 to 100 without'),
    ("nodeport", "api.replicas", "none", 'api.replicas: "none" is not a number of pods; write 1 to 100'),
    ("nodeport", "api.replicas", 101, "'/api/replicas': maximum: got 101, want 100"),
    ("nodeport", "rollout.timeout", 30, "'/rollout/timeout': minimum: got 30, want 60"),
    ("trial", "api.replicas", "unmanaged", "api.replicas: unmanaged must be 1 with database.mode sqlite"),
    ("autoscaled", "web.autoscale.min", 10, "web.autoscale.min: 10 is more than web.autoscale.max, 9; "),
    ("autoscaled", "web.autoscale.cpu", "80%",
     'web.autoscale.cpu: "80%" is not an amount of CPU; write it as'),
    ("autoscaled", "cluster.dns.port", 0, "'/cluster/dns/port': minimum: got 0, want 1"),
    ("nodeport", "web.wholeAddresses", "yes", "'/web/wholeAddresses': got string, want boolean"),
    ("nodeport", "web.relicas", 3, "'/web': additional properties 'relicas' not allowed"),
    ("nodeport", "wep", {}, "additional properties 'wep' not allowed"),
    ("nodeport", "web.csp.img", ["https://a.example; script-src *"], "web.csp.img: "),
    ("nodeport", "web.csp.directives", ['frame-src "'], "must not contain separators or control characters"),
    ("nodeport", "web.bucket.url", "s3://assets",
     'web.bucket.url: "s3://assets" is not an address of a bucket; '),
    ("nodeport", "web.bucket.networks", [],
     "web.bucket.networks: is empty, so no pod would reach the bucket; write"),
    ("nodeport", "web.bucket.ca", "flux/bucket-ca.pem",
     "web.bucket.ca: is not a list of certificates; write them as PEM"),
    ("nodeport", "web.bucket.ca", "-----BEGIN CERTIFICATE-----\na'; x\n-----END CERTIFICATE-----\n",
     "web.bucket.ca: is not a list of certificates; write them as PEM"),
    ("nodeport", "web.resources", {"request": {}},
     "'/web/resources': additional properties 'request' not allowed"),
    ("nodeport", "edge.mode", "loadbalancer",
     "'/edge/mode': value must be one of 'ingress', 'httproute', 'nodepo"),
    ("nodeport", "edge.trusted", [],
     "edge.trusted: is empty, so all readers would share one rate limit; write the"),
    ("nodeport", "edge.trusted", ["192.0.2.7"],
     'edge.trusted: "192.0.2.7" is not a network; write it as 192.0.2.'),
    ("nodeport", "edge.nodeport.port", 80,
     "edge.nodeport.port: 80 is not a node port; write 30000 to 32767"),
    ("ingress", "edge.from", [],
     "edge.from: is empty, so the NetworkPolicy would block all traffic; write the"),
    ("httproute", "edge.httproute.parentRefs", [],
     "edge.httproute.parentRefs: is empty; write the Gateway, as in"),
    ("nodeport", "cluster.pods", [],
     "cluster.pods: is empty; write the pod network, as `kubectl cluster-info"),
    ("nodeport", "cluster.pods", ["10.244.0.0/33"],
     'cluster.pods: "10.244.0.0/33" is not a network; write it as'),
    ("nodeport", "api.secret", "", "api.secret: is empty; create a Secret by `python -m pipelines secrets`"),
    ("nodeport", "api.mail.host", "",
     "api.mail.host: \"\" is not a host; write the mail server's name, which"),
    ("nodeport", "api.mail.networks", [],
     "api.mail.networks: is empty, so the NetworkPolicy would block all mail; write"),
    ("nodeport", "api.mail.tls", "ssl", "'/api/mail/tls': value must be one of 'starttls', 'tls', 'none'"),
    ("nodeport", "api.mail.port", 70000, "'/api/mail/port': maximum: got 70,000, want 65,535"),
    ("nodeport", "api.mail.from", "Small Site",
     'api.mail.from: "Small Site" is not a mail address; write it as'),
    ("trial", "api.replicas", 3,
     "api.replicas: 3 must be 1 with database.mode sqlite, a file with one writer; write 1"),
    ("nodeport", "database.mode", "postgres",
     "'/database/mode': value must be one of 'operator', 'external', 'sq"),
    ("ingress", "database.external.host", "",
     'database.external.host: "" is not a host; write the database serv'),
    ("ingress", "database.external.secret", "",
     "database.external.secret: is empty; write the name of a Secret with the"),
    ("ingress", "database.external.networks", [],
     "database.external.networks: is empty, so the login would not"),
    ("nodeport", "edge.trusted", ["999.1.1.1/32"],
     'edge.trusted: "999.1.1.1/32" is not a network; write it as'),
    ("nodeport", "edge.trusted", [":::::/1"], 'edge.trusted: ":::::/1" is not a network; write it as'),
    ("nodeport", "edge.from", [{}], "'/edge/from/0': minProperties: got 0, want 1"),
    ("nodeport", "edge.from", [{"ipBlock": {}}], "'/edge/from/0/ipBlock': missing property 'cidr'"),
    ("httproute", "edge.httproute.parentRefs", [{"namespace": "a"}], "missing property 'name'"),
    ("nodeport", "cluster.dns.host", "a b; } evil",
     'cluster.dns.host: "a b; } evil" is not a host; write the'),
    ("nodeport", "cluster.domain", 'x"; } #', "is not a domain; write it as cluster.local, the default"),
    ("nodeport", "web.csp.img", ["https://a.example\x0b"], "web.csp.img: "),
    ("nodeport", "images.pullSecrets", ["a b"],
     'images.pullSecrets: "a b" is not the name of a Secret; write'),
    ("nodeport", "api.secret", "Keys",
     'api.secret: "Keys" is not the name of a Secret; write it as `kubectl'),
    ("nodeport", "database.operator.cluster", "1",
     'database.operator.cluster: "1" is not the name of a cluster'),
    ("nodeport", "database.operator.name", "a?host=b",
     "is not the name of a database; write letters, digits"),
    ("nodeport", "database.operator.user", "", 'database.operator.user: "" is not a role; write it as the'),
    ("nodeport", "database.operator.namespace", "a b", 'is not a namespace; write a-z, 0-9 and -, or "" for'),
    ("ingress", "database.external.name", "a b",
     'database.external.name: "a b" is not the name of a database'),
    ("nodeport", "monitoring", {"enabled": True, "namespace": ""},
     'monitoring.namespace: "" is not a namespace; write that of Prometheus'),
    ("nodeport", "monitoring", {"enabled": True, "interval": "30"},
     'monitoring.interval: "30" is not a duration; write it as 30s'),
    ("nodeport", "monitoring", {"enabled": True, "labels": {"app.kubernetes.io/name": "x"}},
     "monitoring.labels: app.kubernetes.io/name is set by the chart; write the"),
    ("ingress", "database.external.sslmode", "disable",
     "value must be one of 'require', 'verify-ca', 'verify-ful"),
]  # fmt: skip


@pytest.mark.quick_cases(10)
@pytest.mark.parametrize(
    ("mode", "name", "value", "message"), INVALID, ids=[f"{row[1]}={row[2]}" for row in INVALID]
)
def test_an_invalid_value_is_reported_with_its_fix(mode: str, name: str, value: Any, message: str) -> None:
    template(mode)  # valid without the one value
    assert message in template(mode, {name: value}, code=1)


@pytest.mark.parametrize("name", ["1site", "a.b", "123"])
def test_a_release_name_that_starts_no_service_name_is_refused(name: str) -> None:
    """Helm accepts such names; a Service's name starts with a letter and has no dots (RFC 1035)."""
    error = helm("template", name, CHART, *values_options("nodeport"), code=1)
    assert f'the name of the release: "{name}" is not a valid start of a Service' in error


def test_all_faults_are_reported_at_once() -> None:
    """A first installation without values must not fail thirteen times in a row."""
    error = helm("template", "site", CHART, code=1)
    faults = re.findall(r"(?m)^[a-z]+\.[a-zA-Z.]+: .*; .*$", error)
    assert len(faults) == int(re.findall(r"(\d+) fault\(s\) in the values", error)[0]) > 10
