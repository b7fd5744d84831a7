"""Tests of `pipelines settings`: reproducible files from site.toml, and errors for missing values."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import cli
from pipelines.core import config
from pipelines.core.errors import SourceError
from pipelines.flux import settings
from tests.flux.build import build_cluster
from tests.flux.sites import CLUSTERS, SIGNER, SITES, write_public_files
from tests.support import fast_yaml
from tests.support.project import ROOT, write


def project_of(folder: Path, text: str) -> Path:
    (folder / "flux").mkdir()
    (folder / "site.toml").write_text(text, encoding="utf-8")
    return folder


def run(project: Path, *argv: str) -> int:
    return cli.main(["--project", str(project), "settings", *argv])


def test_the_settings_of_this_site_are_those_of_its_site_toml(capsys: pytest.CaptureFixture[str]) -> None:
    """A setting that was changed in site.toml alone would never reach the cluster."""
    assert run(ROOT, "--check") == 0, capsys.readouterr().err


@pytest.mark.parametrize("site", SITES)
def test_written_once_the_files_are_current(site: str, tmp_path: Path) -> None:
    """Equal inputs, equal bytes: a second run writes nothing."""
    project = project_of(tmp_path, SITES[site])
    write_public_files(project)
    assert run(project) == 0
    first = {file: file.read_bytes() for file in (project / "flux").rglob("*.yaml")}
    assert len(first) == 4
    assert run(project, "--check") == 0
    assert (
        settings.write_settings(project, settings.site_settings(project, config.load_config(project))) == []
    )
    assert {file: file.read_bytes() for file in first} == first


def printed_errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the errors on stderr, without "error:" and the name of their check."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.endswith(" [project]")]
    return [line.replace(": error: ", ": ", 1).removesuffix(" [project]") for line in lines]


def test_a_stale_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = project_of(tmp_path, SITES["full"])
    assert run(project) == 0
    (project / "site.toml").write_text(SITES["full"].replace("31000", "31001"), encoding="utf-8")
    (project / "flux/clusters/staging/kustomization.yaml").unlink()
    capsys.readouterr()
    assert run(project, "--check") == 1
    assert capsys.readouterr().err.splitlines()[:2] == [
        "flux/clusters/production/settings.yaml: error: does not match site.toml;"
        " run `python -m pipelines settings`, and commit [project]",
        "flux/clusters/staging/kustomization.yaml: error: does not match site.toml;"
        " run `python -m pipelines settings`, and commit [project]",
    ]


@pytest.mark.parametrize(("site", "environment"), CLUSTERS)
def test_every_value_is_json_in_yaml(site: str, environment: str, tmp_path: Path) -> None:
    """Flux puts the text into a manifest: JSON keeps its type there, whatever a name is made of."""
    write_public_files(tmp_path)
    found = settings.site_settings(tmp_path, config.parse_config(SITES[site]))
    (one,) = (one for one in found if one.environment == environment)
    data: dict[str, str] = fast_yaml.load(
        settings.settings_files(found)[f"flux/clusters/{environment}/settings.yaml"]
    )["data"]
    assert data == dict(one.variables)
    for text in data.values():
        assert fast_yaml.load(f"a: {text}") == {"a": json.loads(text)}


ED25519 = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
MISSING = """\
[site]
name = "N"
url = "https://n.example"
tagline = "T"
author = "A"
[feed]
authority = "n.example,2026"
[security]
contact = ["mailto:s@n.example"]
[buckets]
assets = "n-assets"
[[environment]]
name = "production"
url = "http://n.example"
edge = "httproute"
"""


def test_all_missing_values_are_reported_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One run reports every fault, so that one edit fixes them."""
    assert run(project_of(tmp_path, MISSING)) == 1
    table = 'site.toml:12: [[environment]] "production":'
    assert printed_errors(capsys) == [
        "site.toml: [chart] has no repository; write where Flux finds charts: https://… or oci://…",
        f"{table} bucket_networks is empty, and [buckets] has assets;"
        " name the networks of the bucket, or 0.0.0.0/0",
        f'{table} edge = "httproute" without an edge_gateway; name the Gateway, as "namespace/name"',
        f'{table} edge = "httproute" without an edge_namespace;'
        " name the namespace of its pods: only they may reach the site",
        f"{table} mail_host is empty; without mail nobody can set a password",
        f"{table} mail_networks is empty; name the network of the mail server, as 192.0.2.25/32",
        f'{table} pods is empty; name the network of pods, as in pods = ["10.244.0.0/16"]',
        f"{table} trusted is empty; name the networks of the TLS edge, as 192.0.2.7/32",
        f"{table} url is not https; a cluster serves over TLS: write https://…",
    ]
    assert list((tmp_path / "flux").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"nodeport"', '"loadbalancer"', 'edge: must be "ingress", "httproute" or "nodeport", not '),
        ("31000", "8080", "edge_port: must be an integer from 30000 to 32767, not 8080; "),
        ('"192.0.2.0/28"', '"192.0.2.1/28"', "trusted: must be a list of networks (CIDR), not "),
        (
            '["10.244.0.0/16"]',
            '"10.244.0.0/16"',
            "pods: must be a list of strings, not '10.244.0.0/16'; write ",
        ),
        ('"mail.n.example"', '"smtp://mail"', "mail_host: must be a host name or an IP address, not "),
        ("mail_port = 25", "mail_port = 0", "mail_port: must be an integer from 1 to 65535, not 0; write a "),
        (
            'mail_tls = "none"',
            'mail_tls = "ssl"',
            'mail_tls: must be "starttls", "tls" or "none", not \'ssl\'; ',
        ),
        ('"login@n.example"', '"login"', "mail_from: must be a mail address, not 'login'; write "),
        (
            'version = "16"',
            'version = "18"',
            'database_version: must be "15", "16" or "17", not \'18\'; write ',
        ),
        ('"20Gi"', '"20G"', "database_size: must be the size of a volume, not '20G'; write "),
        ('"n-backups"', '"N"', "backup_bucket: must be a bucket name, not 'N'; use 3 to 63 of "),
        ('"slack"', '"pager"', 'alerts: must be "", "alertmanager", "discord", "generic", '),
        ('"images"]', '"repo"]', 'private: must be a list of "charts" and "images", not '),
        ('"ingress-nginx"', '"Ingress"', "edge_namespace: must be a name in Kubernetes, not 'Ingress'; "),
        (
            "replicas = 2",
            "replicas = 0",
            'replicas: must be an integer from 1 to 100, or "unmanaged", ',
        ),
        ("replicas = 2", "replicas = true", 'replicas: must be an integer from 1 to 100, or "unmanaged", '),
        ('= "unmanaged"', '= "auto"', "login_replicas: must be an integer from 1 to 100, or "),
        ("max = 6", "max = 101", "autoscale_max: must be an integer from 1 to 100, or 0, not "),
        ("min = 2", "min = 0", "autoscale_min: must be an integer from 1 to 100, not 0; write "),
        ('cpu = "1"', 'cpu = "80%"', "autoscale_cpu: must be an amount of CPU, not '80%'; write "),
        ('"openshift-dns/dns-default"', '"kube-dns"', "dns_service: must be a namespace and a Service, not "),
        (
            'pods = {"dns.operator.openshift.io/daemonset-dns" = "default"}',
            "pods = {}",
            "dns_pods: must be a table of one or more labels, not {}; ",
        ),
        (
            'daemonset-dns" = "default"',
            'daemonset-dns" = "a b"',
            "dns_pods: must be a table of one or more labels, not ",
        ),
        ("dns_port = 5353", 'dns_port = "dns"', "dns_port: must be an integer from 1 to 65535, not 'dns'; "),
        (
            '["169.254.20.10/32"]',
            '["169.254.20.10/8"]',
            "dns_networks: must be a list of networks (CIDR), not ",
        ),
        ('"k8s.n.example"', '"k8s..n"', "cluster_domain: must be a domain, not 'k8s..n'; write "),
        (
            '"{name}-tls"'.format(name="staging"),
            '"A"',
            "edge_tls_secret: must be a name in Kubernetes, not 'A'; use ",
        ),
        (
            '"letsencrypt"',
            "1",
            "edge_annotations: must be a table of strings, not ",
        ),
        ('"a.example/b"', '"a b"', "edge_annotations: must have keys that Kubernetes accepts, not "),
        ('"fast.ssd"', '"Fast"', "database_storage_class: must be a name in Kubernetes, not "),
        (
            "private_ca = true",
            'private_ca = "ca"',
            "private_ca: must be true or false, not 'ca'; write it without ",
        ),
        (
            "webhook_port = 31009",
            "webhook_port = 443",
            "webhook_port: must be an integer from 30000 to 32767, or 0, ",
        ),
        (
            'assets = "n-assets"',
            'ca = "../ca.pem"',
            "ca: must be a file of this project, not '../ca.pem'; write ",
        ),
        ('class = "nginx"', 'clas = "nginx"', "edge_clas: unknown key; did you mean edge_class?"),
    ],
)
def test_a_wrong_value_is_a_fault(old: str, new: str, message: str) -> None:
    """Otherwise only the cluster would report it, after the commit."""
    assert SITES["full"].count(old) >= 1
    with pytest.raises(SourceError) as caught:
        config.parse_config(SITES["full"].replace(old, new, 1))
    assert any(message in str(fault) and fault.line for fault in caught.value.faults), str(caught.value)


def test_contradictory_settings_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A certificate without an Ingress, and a minimum of pods above the maximum."""
    text = SITES["unmanaged"].replace("edge_port", 'edge_tls_secret = "x"\nedge_port')
    assert run(project_of(tmp_path, text.replace("autoscale_min = 2", "autoscale_min = 7"))) == 1
    assert printed_errors(capsys) == [
        'site.toml:17: [[environment]] "production": edge = "nodeport" with edge_annotations or'
        ' edge_tls_secret; these are for an Ingress: remove them, or write edge = "ingress"',
        'site.toml:34: [[environment]] "staging": autoscale_min is 7, and autoscale_max 6;'
        " write the fewest pods as autoscale_min, the most as autoscale_max",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            None,
            "site.toml: [buckets] ca: flux/bucket-ca.pem cannot be read (No such file or directory);"
            " write the path of the file of certificates (PEM), and commit it",
        ),
        (
            "# soon\n",
            "flux/bucket-ca.pem: has no certificate; write the certificates of the authority as PEM",
        ),
    ],
)
def test_a_private_authority_of_the_bucket_is_in_git(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, fault: str
) -> None:
    """Without it web pods would refuse the bucket, or not start."""
    project = project_of(tmp_path, SITES["private bucket"])
    if text is not None:
        write(project / "flux/bucket-ca.pem", text)
    assert run(project) == 1
    assert printed_errors(capsys) == [fault]


def test_every_component_is_enabled_by_a_site_of_these_tests(tmp_path: Path) -> None:
    """A component that no test builds would be built on a cluster first."""
    folders = {folder.name for folder in (ROOT / "flux" / "clusters" / "components").iterdir()}
    write_public_files(tmp_path)
    enabled = {
        name
        for text in SITES.values()
        for one in settings.site_settings(tmp_path, config.parse_config(text))
        for name in one.components
    }
    assert enabled | {"secrets", "controllers"} == folders  # these two are enabled below


@pytest.mark.slow
def test_encrypted_secrets_come_before_what_needs_them(tmp_path: Path) -> None:
    """The files are there when they are committed: no line is to be written by hand."""
    shutil.copytree(ROOT / "flux", tmp_path / "flux")
    (tmp_path / "site.toml").write_text(SITES["full"], encoding="utf-8")
    secrets = tmp_path / "flux" / "secrets" / "production"
    secrets.mkdir(parents=True, exist_ok=True)
    sealed: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "sops": {}}
    (secrets / "keys.yaml").write_text(yaml.safe_dump(sealed))
    assert run(tmp_path) == 0
    found = build_cluster(tmp_path, "production")
    names = list(found.parts)
    assert [one["metadata"]["name"] for one in found.parts["secrets"]] == ["a"]
    for name in ("apps", "infrastructure", "notifications", "alerts", "database"):
        assert names.index("secrets") < names.index(name), name
    assert found.kustomizations["secrets"]["spec"]["decryption"] == {
        "provider": "sops",
        "secretRef": {"name": "sops-age"},
    }
    assert "secrets" not in build_cluster(tmp_path, "staging").parts


def test_the_manifests_of_flux_bootstrap_are_included(tmp_path: Path) -> None:
    """`flux bootstrap` writes its own manifests beside these, which must include them."""
    project = project_of(tmp_path, SITES["full"])
    assert run(project) == 0
    own = project / "flux/clusters/production/flux-system"
    own.mkdir()
    (own / "kustomization.yaml").write_text("resources: []\n")
    assert run(project, "--check") == 1
    assert run(project) == 0
    text = (project / "flux/clusters/production/kustomization.yaml").read_text("utf-8")
    assert re.search(r"^  - flux-system$", text, re.M)


# The Deployment as `flux bootstrap` writes it into gotk-components.yaml; kustomize-controller 1.9.
CONTROLLER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: flux-system}
spec:
  selector: {matchLabels: {app: %s}}
  template:
    metadata: {labels: {app: %s}}
    spec:
      containers:
        - name: manager
          image: ghcr.io/fluxcd/%s:v1.9.4
          args: [--watch-all-namespaces=true, --log-level=info, --log-encoding=json, --enable-leader-election]
"""


def test_flux_looks_at_dependencies_often_and_takes_newer_commits(tmp_path: Path) -> None:
    """By default every 30 s, at each of three links: 90 s for a change of settings. A fix waited 20 min."""
    shutil.copytree(ROOT / "flux", tmp_path / "flux")
    shutil.rmtree(tmp_path / "flux/clusters/production")
    (tmp_path / "site.toml").write_text(SITES["full"], encoding="utf-8")
    own = tmp_path / "flux/clusters/production/flux-system"
    names = ("kustomize-controller", "helm-controller")
    write(own / "kustomization.yaml", "resources: [gotk-components.yaml]\n")
    write(own / "gotk-components.yaml", "---\n".join(CONTROLLER % ((name,) * 4) for name in names))
    assert run(tmp_path) == 0
    found = build_cluster(tmp_path, "production")
    args = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["args"][4:]
        for one in found.root
        if one["kind"] == "Deployment"
    }
    own_args = ["--requeue-dependency=2s", "--feature-gates=CancelHealthCheckOnNewRevision=true"]
    assert args == {"kustomize-controller": own_args, "helm-controller": []}


def test_a_chart_of_a_registry_needs_a_key_that_verifies_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flux refuses an unsigned chart, so the release could never go live."""
    project = project_of(tmp_path, SITES["oci"])
    assert run(project) == 1
    assert printed_errors(capsys) == [
        "site.toml: [chart] repository is oci://, where Flux accepts signed charts only, and flux/signers has"
        " no key; run `python -m pipelines secrets signing --out FILE`, give FILE to the pipeline as"
        " SITE_SIGNING_KEY_FILE, and commit the public key"
    ]
    write_public_files(project)
    assert run(project) == 0


BAD_KEYS = [
    ("", "is not a public key (PEM)"),
    (SIGNER.replace("PUBLIC", "PRIVATE"), "is not a public key (PEM)"),
    (ED25519, "is not an ECDSA key over P-256"),
]


@pytest.mark.parametrize(("text", "what"), BAD_KEYS)
def test_an_invalid_public_key_is_named(
    text: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = project_of(tmp_path, SITES["oci"])
    write(project / "flux/signers/new.pub", text)
    assert run(project) == 1
    fix = "make a pair with `python -m pipelines secrets signing`"
    assert printed_errors(capsys) == [f"flux/signers/new.pub: {what}; {fix}"]


def test_old_and_new_keys_are_trusted_while_one_replaces_the_other(tmp_path: Path) -> None:
    write_public_files(tmp_path)
    write(tmp_path / "flux/signers/new.pub", SIGNER)
    found = settings.site_settings(tmp_path, config.parse_config(SITES["oci"]))
    assert [json.loads(dict(one.variables)["chart_signers"]) for one in found] == [
        {"new.pub": SIGNER, "site.pub": SIGNER}
    ] * 2
