"""Wrong values stop the chart, each with its name and the way out; right ones give the same bytes again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helm.render import (
    CHART,
    MODES,
    helm,
    objects,
    of_kind,
    only,
    parse,
    rendered,
    template,
    values_options,
    web_files,
)
from tests.support.tools import need

BAD: list[tuple[str, str, Any, str]] = [
    # mode, value, what it is set to, what is said
    (
        "nodeport",
        "site.url",
        "small.example",
        'site.url: "small.example" is not the address of a site; write https',
    ),
    ("nodeport", "site.url", "https://small.example/", "site.url: "),
    ("nodeport", "site.name", "", "site.name: is empty; write what mails call the site"),
    (
        "nodeport",
        "release.commit",
        "main",
        'release.commit: "main" is not a commit; `pipelines chart` writes it',
    ),
    (
        "nodeport",
        "release.site",
        "sha256:1",
        'release.site: "sha256:1" is not the digest of a tree; `pipelines',
    ),
    (
        "nodeport",
        "release.asset",
        "/site.css",
        'release.asset: "/site.css" is not a hashed asset; `pipelines',
    ),
    (
        "nodeport",
        "web.image.digest",
        "1.4.12",
        'web.image.digest: "1.4.12" is not a digest; write sha256: and 64',
    ),
    ("nodeport", "web.image.digest", "", 'web.image.digest: "" is not a digest; write sha256:'),
    (
        "nodeport",
        "web.image.tag",
        "latest",
        "web.image.tag: latest may be another image tomorrow; remove it, and",
    ),
    ("nodeport", "api.image.tag", 1.4, "api.image.tag: 1.4 may be another image tomorrow; remove it, and"),
    ("nodeport", "api.image.repository", "registry.example/me/api:1", "api.image.repository: "),
    (
        "nodeport",
        "web.image.repository",
        "nginx",
        "write host and path without tag and digest, as in registry.",
    ),
    ("nodeport", "web.replicas", 0, "'/web/replicas': minimum: got 0, want 1"),
    ("nodeport", "web.replicas", "3", 'web.replicas: "3" is not a number of pods; write 1 to 100 without'),
    ("nodeport", "api.replicas", "none", 'api.replicas: "none" is not a number of pods; write 1 to 100'),
    ("nodeport", "api.replicas", 101, "'/api/replicas': maximum: got 101, want 100"),
    ("trial", "api.replicas", "unmanaged", "api.replicas: unmanaged: only one pod can write the file"),
    ("autoscaled", "web.autoscale.min", 10, "web.autoscale.min: 10 is more than web.autoscale.max, 9; "),
    ("autoscaled", "web.autoscale.cpu", "80%", 'web.autoscale.cpu: "80%" is not an amount of processor ti'),
    ("autoscaled", "cluster.dns.port", 0, "'/cluster/dns/port': minimum: got 0, want 1"),
    ("nodeport", "web.wholeAddresses", "yes", "'/web/wholeAddresses': got string, want boolean"),
    ("nodeport", "web.relicas", 3, "'/web': additional properties 'relicas' not allowed"),
    ("nodeport", "wep", {}, "additional properties 'wep' not allowed"),
    ("nodeport", "web.csp.img", ["https://a.example; script-src *"], "web.csp.img: "),
    (
        "nodeport",
        "web.csp.directives",
        ['frame-src "'],
        "would break out of its place; write one source for each",
    ),
    (
        "nodeport",
        "web.bucket.url",
        "s3://assets",
        'web.bucket.url: "s3://assets" is not the address of a bucket; ',
    ),
    (
        "nodeport",
        "web.bucket.networks",
        [],
        "web.bucket.networks: is empty, so no pod would reach the bucket; name",
    ),
    (
        "nodeport",
        "web.resources",
        {"request": {}},
        "'/web/resources': additional properties 'request' not allowed",
    ),
    (
        "nodeport",
        "edge.mode",
        "loadbalancer",
        "'/edge/mode': value must be one of 'ingress', 'httproute', 'nodepo",
    ),
    (
        "nodeport",
        "edge.trusted",
        [],
        "edge.trusted: is empty, so all readers would share one rate limit; name the",
    ),
    (
        "nodeport",
        "edge.trusted",
        ["192.0.2.7"],
        'edge.trusted: "192.0.2.7" is not a network; write it as 192.0.2.',
    ),
    (
        "nodeport",
        "edge.nodeport.port",
        80,
        "edge.nodeport.port: 80 is not a port for nodes; write 30000 to 32767",
    ),
    (
        "ingress",
        "edge.from",
        [],
        "edge.from: is empty, so nobody would reach the site; name the pods of the ingres",
    ),
    (
        "httproute",
        "edge.httproute.parentRefs",
        [],
        "edge.httproute.parentRefs: is empty; name the Gateway, as in",
    ),
    (
        "nodeport",
        "cluster.pods",
        [],
        "cluster.pods: is empty; name the network of pods, as `kubectl cluster-info",
    ),
    (
        "nodeport",
        "cluster.pods",
        ["10.244.0.0/33"],
        'cluster.pods: "10.244.0.0/33" is not a network; write it as',
    ),
    (
        "nodeport",
        "api.secret",
        "",
        "api.secret: is empty; make one with `python -m pipelines secrets`, and write",
    ),
    (
        "nodeport",
        "api.mail.host",
        "",
        'api.mail.host: "" is not a host; write the mail server\'s name: without',
    ),
    (
        "nodeport",
        "api.mail.networks",
        [],
        "api.mail.networks: is empty, so no mail would leave; name the mail",
    ),
    ("nodeport", "api.mail.tls", "ssl", "'/api/mail/tls': value must be one of 'starttls', 'tls', 'none'"),
    ("nodeport", "api.mail.port", 70000, "'/api/mail/port': maximum: got 70,000, want 65,535"),
    (
        "nodeport",
        "api.mail.from",
        "Small Site",
        'api.mail.from: "Small Site" is not a mail address; write it as',
    ),
    (
        "trial",
        "api.replicas",
        3,
        "api.replicas: 3: only one pod can write the file of database.mode sqlite; write 1, or take another",
    ),
    (
        "nodeport",
        "database.mode",
        "postgres",
        "'/database/mode': value must be one of 'operator', 'external', 'sq",
    ),
    (
        "ingress",
        "database.external.host",
        "",
        'database.external.host: "" is not a host; write the database serv',
    ),
    (
        "ingress",
        "database.external.secret",
        "",
        "database.external.secret: is empty; name a Secret with the keys",
    ),
    (
        "ingress",
        "database.external.networks",
        [],
        "database.external.networks: is empty, so the login would not",
    ),
    (
        "nodeport",
        "edge.trusted",
        ["999.1.1.1/32"],
        'edge.trusted: "999.1.1.1/32" is not a network; write it as',
    ),
    ("nodeport", "edge.trusted", [":::::/1"], 'edge.trusted: ":::::/1" is not a network; write it as'),
    ("nodeport", "edge.from", [{}], "'/edge/from/0': minProperties: got 0, want 1"),
    ("nodeport", "edge.from", [{"ipBlock": {}}], "'/edge/from/0/ipBlock': missing property 'cidr'"),
    ("httproute", "edge.httproute.parentRefs", [{"namespace": "a"}], "missing property 'name'"),
    (
        "nodeport",
        "cluster.dns.host",
        "a b; } evil",
        'cluster.dns.host: "a b; } evil" is not a host; write the',
    ),
    ("nodeport", "cluster.domain", 'x"; } #', "is not a domain; write it as cluster.local, which most"),
    ("nodeport", "web.csp.img", ["https://a.example\x0b"], "web.csp.img: "),
    (
        "nodeport",
        "images.pullSecrets",
        ["a b"],
        'images.pullSecrets: "a b" is not the name of a Secret; write',
    ),
    (
        "nodeport",
        "api.secret",
        "Keys",
        'api.secret: "Keys" is not the name of a Secret; write it as `kubectl',
    ),
    (
        "nodeport",
        "database.operator.cluster",
        "1",
        'database.operator.cluster: "1" is not the name of a cluster',
    ),
    (
        "nodeport",
        "database.operator.name",
        "a?host=b",
        "is not the name of a database; write letters, digits",
    ),
    ("nodeport", "database.operator.user", "", 'database.operator.user: "" is not a role; write it as the'),
    (
        "nodeport",
        "database.operator.namespace",
        "a b",
        "is not a namespace; write a-z, 0-9 and -, or nothing",
    ),
    (
        "ingress",
        "database.external.name",
        "a b",
        'database.external.name: "a b" is not the name of a database',
    ),
    (
        "nodeport",
        "monitoring",
        {"enabled": True, "namespace": ""},
        'monitoring.namespace: "" is not a namespace; write that in which',
    ),
    (
        "nodeport",
        "monitoring",
        {"enabled": True, "interval": "30"},
        'monitoring.interval: "30" is not a time; write it as 30s',
    ),
    (
        "nodeport",
        "monitoring",
        {"enabled": True, "labels": {"app.kubernetes.io/name": "x"}},
        "monitoring.labels: app.kubernetes.io/name is written by the chart; take the",
    ),
    (
        "ingress",
        "database.external.sslmode",
        "disable",
        "value must be one of 'require', 'verify-ca', 'verify-ful",
    ),
]


@pytest.mark.quick_cases(30)
@pytest.mark.parametrize(("mode", "name", "value", "said"), BAD, ids=[f"{row[1]}={row[2]}" for row in BAD])
def test_a_wrong_value_is_named_with_the_way_out(mode: str, name: str, value: Any, said: str) -> None:
    template(mode)  # what is wrong is the one value
    assert said in template(mode, {name: value}, code=1)


@pytest.mark.parametrize("name", ["1site", "a.b", "123"])
def test_a_release_whose_services_would_be_refused_is_not_rendered(name: str) -> None:
    """Helm takes such names; Kubernetes wants a Service to begin with a letter, and no dots (RFC 1035)."""
    said = helm("template", name, CHART, *values_options("nodeport"), code=1)
    assert f'the name of the release: "{name}" cannot begin the names of Services; take a letter' in said


@pytest.mark.parametrize("networks", [["2001:db8::/32"], ["::/0"], ["fd00:1:2:3:4:5:6:7/128"], ["0.0.0.0/0"]])
def test_networks_of_both_kinds_are_taken(networks: list[str]) -> None:
    assert networks[0] in template("nodeport", {"edge.trusted": networks})


def test_what_looks_like_a_number_stays_a_text() -> None:
    """YAML reads 123 and true as no texts, and Kubernetes refuses them where a name belongs."""
    more = {"images.pullSecrets": ["123"], "api.secret": "1e3", "database.operator.namespace": "1"}
    found = parse(helm("template", "true", CHART, *values_options("nodeport")))
    assert {one["metadata"]["labels"]["app.kubernetes.io/instance"] for one in found} == {"true"}
    text = template("nodeport", more)
    for name in ("123", "1e3", "1"):
        assert f'"{name}"' in text
    for one in (only("Deployment", parse(text), "api"), only("Deployment", parse(text), "web")):
        assert one["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "123"}]


def test_all_faults_come_at_once() -> None:
    """Whoever starts with nothing must not be sent back thirteen times."""
    said = helm("template", "site", CHART, code=1)
    faults = re.findall(r"(?m)^[a-z]+\.[a-zA-Z.]+: .*; .*$", said)
    assert len(faults) == int(re.findall(r"(\d+) fault\(s\) in the values", said)[0]) > 10


@pytest.mark.parametrize("mode", MODES)
def test_helm_has_nothing_to_say_about_the_chart(mode: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *values_options(mode))


@pytest.mark.parametrize("mode", MODES)
def test_equal_values_give_equal_bytes(mode: str, tmp_path: Path) -> None:
    """In another folder, at another time, with another locale and umask, for another user's home."""
    chart = tmp_path / "elsewhere" / "site"
    shutil.copytree(CHART, chart)
    words = [need("helm"), "template", "site", str(chart), "--namespace", "site", *values_options(mode)]
    argv = ["sh", "-c", 'umask 077; exec "$@"', "-", *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}
    again = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert again == rendered(mode)


NEXT = {
    "release.commit": "f" * 40,
    "release.site": "4" * 64,
    "release.asset": "/assets/site.00000000.css",
    "web.image.digest": "sha256:" + "5" * 64,
}


def test_a_text_changes_the_web_pods_and_nothing_else_that_runs(tmp_path: Path) -> None:
    """A new version with new pages: the login and its chores stay as they are, to the byte."""
    chart = tmp_path / "site"
    shutil.copytree(CHART, chart)
    (chart / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text().replace("0.0.0", "1.4.13"))
    old, new = objects("nodeport"), parse(template("nodeport", NEXT, chart=chart))
    before = {one["metadata"]["name"]: one["spec"] for one in of_kind("Deployment", old)}
    after = {one["metadata"]["name"]: one["spec"] for one in of_kind("Deployment", new)}
    assert before["site-api"] == after["site-api"]
    assert before["site-web"]["template"] != after["site-web"]["template"]
    assert only("CronJob", old)["spec"] == only("CronJob", new)["spec"]


def test_a_new_login_changes_the_login_alone() -> None:
    """But for what /version.json tells, which web pods mount."""
    old = objects("nodeport")
    new = parse(template("nodeport", {"api.image.digest": "sha256:" + "6" * 64}))
    before, after = (
        {
            one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"]
            for one in of_kind("Deployment", side)
        }
        for side in (old, new)
    )
    assert before["site-web"] == after["site-web"]
    assert before["site-api"] != after["site-api"]


def test_web_pods_carry_their_own_files() -> None:
    """An object beside them would change under old pods, or be deleted with its release while they run."""
    files = [
        web_files(parse(template("nodeport", more)))
        for more in ({}, {"release.commit": "f" * 40}, {"cluster.pods": ["10.0.0.0/8"]}, {"web.workers": 4})
    ]
    assert len({json.dumps(one) for one in files}) == 4
    assert [one.keys() for one in files] == [{"cluster.conf", "process.conf", "version.json"}] * 4
    assert of_kind("ConfigMap", objects("nodeport")) == []


def test_each_revision_has_a_migration_of_its_own() -> None:
    """A Job cannot change; and nothing that hooks into an upgrade may stand in the way of a rollback."""
    (job,) = of_kind("Job", objects("nodeport"))
    assert job["metadata"]["name"] == "site-migrate-1"
    assert "annotations" not in job["metadata"]
    hooks = [one for one in objects("nodeport") if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"test"}


def test_two_releases_fit_into_one_namespace() -> None:
    files = values_options("nodeport")
    first, second = (
        {(one["kind"], one["metadata"]["name"]) for one in parse(helm("template", name, CHART, *files))}
        for name in ("site", "other")
    )
    assert first & second == set()
    long = helm("template", "a-name-as-long-as-helm-lets-it-be-which-is-53-letters", CHART, *files)
    # A CronJob adds eleven letters to its name, and may have 52 (CronJobSpec in Kubernetes' reference).
    assert all(
        len(one["metadata"]["name"]) <= (52 if one["kind"] == "CronJob" else 63) for one in parse(long)
    )


def test_a_chart_out_of_a_registry_renders_the_same(tmp_path: Path) -> None:
    """Flux installs it as X.Y.N+<digest>: no label may hold the plus, and readers are told X.Y.N."""
    found = []
    for version in ("1.4.13", "1.4.13+0123456789ab"):
        chart = tmp_path / version
        shutil.copytree(CHART, chart)
        text = (CHART / "Chart.yaml").read_text()
        (chart / "Chart.yaml").write_text(text.replace("0.0.0", version, 1))
        found.append(template("nodeport", chart=chart))
    assert found[0] == found[1]
    assert "1.4.13" in found[0]
