"""Keys, certificates and kubeconfigs of a cluster, and the certificate of the edge.

Writes into the directory of keys. No network.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.layout import (
    API_SERVICE,
    HOST,
    NAMES,
    NODES,
    Layout,
    node_address,
    node_name,
)

_PUBLIC = Path("/etc/ssl/certs/ca-certificates.crt")
_LIFETIME = timedelta(days=365)
_USES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
_API_NAMES = (
    "localhost kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local"
).split()
_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """A certificate authority, with its files beside."""

    folder: Path
    name: str
    key: _Key
    certificate: x509.Certificate

    def issue(
        self, name: str, common_name: str, uses: str, *, group: str = "", names: Sequence[str] = ()
    ) -> None:
        """Write NAME.crt and NAME.key for *uses*, "server", "client" or both; *names* may be addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_subject(common_name, group), self.certificate.subject, key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = x509.ExtendedKeyUsage([_USES[use] for use in uses.split()])
        builder = builder.add_extension(usage, critical=False)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_san(one) for one in names]), critical=False
            )
        _write(self.folder / name, builder.sign(self.key, hashes.SHA256()), key)


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject(common_name: str, group: str = "") -> x509.Name:
    rows = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*rows, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: _Key) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _write(path: Path, certificate: x509.Certificate, key: _Key) -> None:
    path.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(path.with_suffix(".key"), key)


def _write_key(path: Path, key: _Key | rsa.RSAPrivateKey) -> None:
    plain = serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))


def authority(folder: Path, name: str) -> Authority:
    """Make a certificate authority, and write NAME.crt and NAME.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_subject(name), _subject(name), key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
    _write(folder / name, certificate, key)
    return Authority(folder, name, key, certificate)


def kubeconfig(folder: Path, name: str) -> str:
    """Return the kubeconfig of the client certificate *name*; JSON is YAML."""
    cluster = {"server": f"https://{HOST}:6443", "certificate-authority": f"{folder / 'ca.crt'}"}
    user = {"client-certificate": f"{folder / name}.crt", "client-key": f"{folder / name}.key"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": name}}],
        "current-context": "cluster",
    }
    return json.dumps(config, indent=1) + "\n"


def create(there: Layout) -> None:
    """Write everything."""
    folder = there.pki
    cluster, front, edge = (authority(folder, name) for name in ("ca", "front-proxy-ca", "edge-ca"))
    accounts = rsa.generate_private_key(
        public_exponent=65537, key_size=2048
    )  # signs tokens of ServiceAccounts
    _write_key(folder / "sa.key", accounts)
    public = accounts.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "sa.pub").write_bytes(public)
    cluster.issue(
        "apiserver", "kube-apiserver", "server", names=(*_API_NAMES, "127.0.0.1", HOST, API_SERVICE)
    )
    cluster.issue("kubelet-client", "kube-apiserver-kubelet-client", "client", group="system:masters")
    front.issue("front-proxy-client", "front-proxy-client", "client")
    cluster.issue("admin", "admin", "client", group="system:masters")
    clients = ["admin"]
    for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        cluster.issue(name, f"system:{name}", "client")
        clients.append(name)
    for number in NODES:
        name = node_name(number)
        names = (name, node_address(number))
        cluster.issue(name, f"system:node:{name}", "client server", group="system:nodes", names=names)
        clients.append(name)
    for name in clients:
        (folder / f"{name}.conf").write_text(kubeconfig(folder, name))
    edge.issue("edge", "edge", "server", names=(*NAMES, HOST))
    public_authorities = _PUBLIC.read_bytes() if _PUBLIC.exists() else b""
    there.bundle.write_bytes(public_authorities + there.authority.read_bytes())
