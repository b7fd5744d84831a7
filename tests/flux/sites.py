"""Sites for the tests of flux/, as site.toml writes them: every switch on at least once, and off."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import write

# The private key of it was thrown away.
SIGNER = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE005Wa4yTSpIHkDXgJkyMyOkqkoz4
AOl60rNCBtQGR6Ra/rUvQR8w9yHhxbIQSm1asaXnP7ba/KaFJLdRYAFsFA==
-----END PUBLIC KEY-----
"""

# The same.
BUCKET_CA = """\
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUBvgyeS10NNoDo1XoSoUc/J11NggwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwETiBDQTAgFw0yNjExMzAwNjQ0NTFaGA8yMTI2MTEwNjA2NDQ1
MVowDzENMAsGA1UEAwwETiBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB2l
TL6Nj6jQ0EGzqjcYNINKJq/BV9AiOuAhmPO2XphX6ec0p9kk2HLo46ijBkevzueb
5gVN6JsijFKZAUS9Pr+jUzBRMB0GA1UdDgQWBBR/oKJKUkkk4ElswZKgTTOw/6ya
ZDAfBgNVHSMEGDAWgBR/oKJKUkkk4ElswZKgTTOw/6yaZDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCZHzM0GBL+uegUWHCN72g5LocaTkyxMiht
fZrcO12ebAIhAIgBcZSoX9RxM8TGdCFGzwfHxL9u8QWkQXlljck+7i5z
-----END CERTIFICATE-----
"""

_SITE = """\
[site]
name = "Großes $HOME: 'Ann' & \\"Bob\\" # 😀"
url = "https://n.example"
tagline = "T"
author = "A"
login = {login}
[feed]
authority = "n.example,2026"
[security]
contact = ["mailto:s@n.example"]
[chart]
version = "{version}"
repository = "{charts}"
[buckets]
endpoint = "{endpoint}"
assets = "{assets}"
"""

_NODEPORT = """\
[[environment]]
name = "{name}"
url = "https://n.example"
edge = "nodeport"
edge_port = 31000
trusted = ["192.0.2.0/28", "2001:db8::/64"]
pods = ["10.244.0.0/16"]
mail_host = "mail.n.example"
mail_networks = ["192.0.2.25/32"]
backup_bucket = "n-backups"
bucket_networks = ["198.51.100.0/24"]
webhook_port = 31009
alerts = "slack"
alerts_channel = "#site"
private = ["charts", "images"]
"""

_INGRESS = """\
[[environment]]
name = "{name}"
url = "https://{name}.n.example"
edge = "ingress"
edge_class = "nginx"
edge_tls_secret = "{name}-tls"
edge_annotations = {{"cert-manager.io/cluster-issuer" = "letsencrypt", "a.example/b" = "${{Y}} 'z' \\"é\\""}}
cluster_domain = "k8s.n.example"
dns_service = "openshift-dns/dns-default"
dns_pods = {{"dns.operator.openshift.io/daemonset-dns" = "default"}}
dns_port = 5353
dns_networks = ["169.254.20.10/32"]
replicas = 2
login_replicas = "unmanaged"
autoscale_max = 6
autoscale_min = 2
autoscale_cpu = "1"
private_ca = true
database_storage_class = "fast.ssd"
edge_namespace = "ingress-nginx"
trusted = ["10.244.0.0/16"]
pods = ["10.244.0.0/16"]
mail_host = "192.0.2.25"
mail_port = 25
mail_tls = "none"
mail_login = false
mail_from = "login@n.example"
mail_networks = ["192.0.2.25/32"]
database_version = "16"
database_size = "20Gi"
"""

_ROUTE = """\
[[environment]]
name = "{name}"
url = "https://n.example"
edge = "httproute"
edge_gateway = "gateway/public/https"
edge_namespace = "gateway"
trusted = ["10.244.0.0/16"]
pods = ["10.244.0.0/16"]
"""

_NEXUS = "https://nexus.n.example/repository/helm"
_LOGIN = {"login": "true", "version": "1.4", "endpoint": "", "assets": ""}
_BUCKET = {"endpoint": "https://s3.n.example", "assets": "n-assets"}

SITES = {
    "full": _SITE.format(**_LOGIN | _BUCKET, charts=_NEXUS)
    + _NODEPORT.format(name="production")
    + _INGRESS.format(name="staging").replace('pods = ["10', 'bucket_networks = ["0.0.0.0/0"]\npods = ["10'),
    "small": _SITE.format(**_LOGIN, charts=_NEXUS)
    + _INGRESS.format(name="production")
    + _INGRESS.format(name="staging"),
    "plain": _SITE.format(**_LOGIN | {"login": "false"}, charts=_NEXUS)
    + _ROUTE.format(name="production")
    + _ROUTE.format(name="staging"),
    "unmanaged": _SITE.format(**_LOGIN, charts=_NEXUS)
    + _NODEPORT.format(name="production").replace("edge_port", 'replicas = "unmanaged"\nedge_port')
    + _INGRESS.format(name="staging"),
    "oci": _SITE.format(**_LOGIN, charts="oci://registry.n.example/charts")
    + _INGRESS.format(name="production").replace("edge =", 'private = ["charts", "images"]\nedge =')
    + _INGRESS.format(name="staging"),
}
SITES["private bucket"] = SITES["full"].replace(
    'assets = "n-assets"', 'assets = "n-assets"\nca = "flux/bucket-ca.pem"'
)
ENVIRONMENTS = ("production", "staging")
CLUSTERS = [(site, environment) for site in SITES for environment in ENVIRONMENTS]


def write_public_files(project: Path) -> None:
    """Give *project* the key that charts of a registry are verified with, and the authority of a bucket."""
    write(project / "flux/signers/site.pub", SIGNER)
    write(project / "flux/bucket-ca.pem", BUCKET_CA)
