"""The tables of nodes.toml: each of their keys is declared here, once.

No reads, no writes, no network.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes import validators as valid
from pipelines.core.config_validators import valid_networks, valid_port
from pipelines.core.setting import line_of, setting
from pipelines.core.validators import valid_flag


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster that the machines carry."""

    name: str = setting(valid.valid_node_name, doc="Name of the cluster.")
    domain: str = setting(valid.valid_domain, doc="Domain of the machines: `worker1` is `worker1.<domain>`.")
    kubernetes: str = setting(valid.valid_version, doc="Version of Kubernetes, `X.Y.Z`.")
    control_plane_endpoint: str = setting(
        valid.valid_api_endpoint, doc="Host and port by which nodes reach the API server, on the mesh."
    )
    pod_network: str = setting(
        valid.valid_network, "10.244.0.0/16", doc="Network of all pods; `pods` of `site.toml` has it too."
    )
    service_network: str = setting(valid.valid_network, "10.96.0.0/16", doc="Network of Services.")
    network_plugin: str = setting(
        valid.valid_network_plugin,
        "calico",
        doc='Network of pods: `"calico"`, with NetworkPolicies, which you install; `"ptp"`: the plugin of'
        " that name on each node, without NetworkPolicies. The mesh routes the packets for both.",
    )
    image_repository: str = setting(
        valid.valid_repository, "registry.k8s.io", doc="Registry and path of the images of Kubernetes."
    )
    packages: str = setting(
        valid.valid_url,
        "https://pkgs.k8s.io/core:/stable:",
        doc="Address of the Debian packages, before `/v1.35/deb/`. Their key is `nodes/kubernetes.asc`.",
    )


@dataclass(frozen=True, slots=True)
class Ssh:
    """How the tasks reach the machines."""

    authorized_keys: tuple[str, ...] = setting(
        valid.valid_ssh_keys, doc="Public keys of the people who run the tasks; all others are removed."
    )
    user: str = setting(valid.valid_user, "deploy", doc="User of the tasks; may use sudo without a password.")
    port: int = setting(valid_port, 22, doc="Port of sshd.")
    connect_timeout: int = setting(valid.valid_seconds, 5, doc="Seconds for a connection.")
    command_timeout: int = setting(valid.valid_seconds, 60, doc="Seconds for a command.")
    confirm: int = setting(
        valid.valid_confirm,
        60,
        doc="Seconds until the old firewall or sshd's old configuration returns, unless a new connection"
        " succeeds.",
    )
    sources: tuple[str, ...] = setting(
        valid_networks, ("0.0.0.0/0", "::/0"), doc="Networks (CIDR) that may connect to sshd."
    )


@dataclass(frozen=True, slots=True)
class Mesh:
    """The WireGuard mesh."""

    network: str = setting(valid.valid_network, doc="Network (CIDR) of the mesh addresses.")
    interface: str = setting(valid.valid_interface, "wg0", doc="Name of the interface.")
    port: int = setting(valid_port, 51820, doc="UDP port of WireGuard.")
    mtu: int = setting(valid.valid_mtu, 1420, doc="MTU of the mesh. The pods' network has the same, or less.")


@dataclass(frozen=True, slots=True)
class Base:
    """What every machine has."""

    time_servers: tuple[str, ...] = setting(
        valid.valid_time_servers,
        ("0.debian.pool.ntp.org", "1.debian.pool.ntp.org", "2.debian.pool.ntp.org"),
        doc="Time servers (NTP).",
    )
    journal_size: str = setting(valid.valid_size, "1G", doc="Most disk space of the journal.")
    security_updates: bool = setting(valid_flag, True, doc="`true`: install security updates each day.")
    reboot: str = setting(
        valid.valid_time_of_day,
        "",
        doc='Time (UTC) of the reboot that an update asks for; `""`: never. Nodes of the cluster never'
        " reboot by themselves.",
    )


@dataclass(frozen=True, slots=True)
class Edge:
    """NGINX in front of the cluster. Names and ports are those of `site.toml`."""

    environments: tuple[str, ...] = setting(
        valid.valid_environments, ("production",), doc="Environments of `site.toml` that it serves."
    )
    hsts: int = setting(
        valid.valid_hsts, 31_536_000, doc="Seconds of Strict-Transport-Security; 0: no header."
    )
    rate: int = setting(valid.valid_rate, 50, doc="Requests a second of one address; more get 429.")
    burst: int = setting(valid.valid_rate, 200, doc="Requests above the rate that are served at once.")
    connections: int = setting(valid.valid_rate, 100, doc="Connections of one address.")


@dataclass(frozen=True, slots=True)
class Acme:
    """Certificates of an authority that speaks ACME (RFC 8555), for the roles edge and mail."""

    directory: str = setting(
        valid.valid_acme_directory,
        "",
        doc="URL of the authority's directory. To write it accepts the authority's terms of service."
        ' `""`: none are requested; the edge serves self-signed ones.',
    )
    email: str = setting(
        valid.valid_contact, "", doc='Mail address of the account at the authority; `""`: none.'
    )
    wildcards: tuple[str, ...] = setting(
        valid.valid_domains,
        (),
        doc="Domains with one certificate for themselves and all names right below, by DNS-01 on the name"
        " servers of `[dns]`. Other names have a certificate each, by HTTP-01.",
    )
    line: int = line_of()


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail server."""

    host: str = setting(
        valid.valid_optional_domain, "", doc='Name of the mail server, the target of MX; `""`: none.'
    )
    mta_sts: str = setting(
        valid.valid_sts_mode, "testing", doc="Mode of the MTA-STS policy (RFC 8461) that the edge serves."
    )
    domains: tuple[str, ...] = setting(
        valid.valid_domains, (), doc="Domains of its addresses; `[]`: `domain` of `[cluster]`."
    )
    selector: str = setting(
        valid.valid_selector, "s1", doc="Selector of the DKIM key that signs. Another one makes a new key."
    )
    quota: str = setting(valid.valid_size, "1G", doc="Most disk space of a mailbox.")
    message_size: str = setting(valid.valid_size, "25M", doc="Size of the largest mail, as it is sent.")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with a mailbox, and an account that may send."""

    address: str = setting(
        valid.valid_mail_address, doc="Its address, and the user name. Its password: `mail.password`."
    )
    quota: str = setting(valid.valid_quota, "", doc='Most disk space; `""`: `quota` of `[mail]`.')


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that others receive and may send from."""

    address: str = setting(valid.valid_mail_address, doc="The address.")
    mailboxes: tuple[str, ...] = setting(
        valid.valid_mail_addresses, doc="The mailboxes that get its mail and may send from it."
    )


@dataclass(frozen=True, slots=True)
class Dns:
    """The zones that the machines with the role dns serve."""

    primary: str = setting(
        valid.valid_optional_node,
        "",
        doc='Node that signs the zones; the others with the role `dns` follow it. `""`: no `dns.apply`.',
    )
    zones: tuple[str, ...] = setting(
        valid.valid_domains,
        (),
        doc="Zones; the first is that of a `[[record]]` without `zone`. `[]`: `domain`.",
    )
    ttl: int = setting(valid.valid_ttl, 3600, doc="TTL of records, in seconds.")
    contact: str = setting(
        valid.valid_contact,
        "",
        doc='Mail address for SOA, reports of DMARC and TLS, and CAA; `""`: `postmaster@<domain>`.',
    )
    caa: tuple[str, ...] = setting(
        valid.valid_domains,
        ("letsencrypt.org",),
        doc="Authorities that may issue certificates; `[]`: no CAA.",
    )
    line: int = line_of()


@dataclass(frozen=True, slots=True)
class Record:
    """Records of one name and type, beside those that dns.apply writes by itself."""

    name: str = setting(
        valid.valid_record_name, doc='Name in the zone: `"www"`, `"*.apps"`, `"@"` for the zone itself.'
    )
    type: str = setting(valid.valid_record_type, doc="Type.")
    values: tuple[str, ...] = setting(
        valid.valid_record_values,
        doc="Values as in a zone file; a name in them is one label, or ends with a dot. TXT without quotes.",
    )
    ttl: int = setting(valid.valid_record_ttl, 0, doc="Seconds; 0: `ttl` of `[dns]`.")
    zone: str = setting(valid.valid_optional_domain, "", doc='Zone; `""`: the first.')
    line: int = line_of()
    values_line: int = line_of("values")


@dataclass(frozen=True, slots=True)
class Containerd:
    """The container runtime of the cluster's nodes."""

    restrict_oom_score_adj: bool = setting(
        valid_flag, False, doc="`true` on machines that are containers: they may not lower the OOM score."
    )


@dataclass(frozen=True, slots=True)
class Registry:
    """How nodes reach an image registry."""

    host: str = setting(valid.valid_registry_host, doc="Host and port, as in the names of images.")
    mirrors: tuple[str, ...] = setting(
        valid.valid_urls, (), doc="Addresses that are asked first, in this order; the registry comes last."
    )
    ca: str = setting(
        valid.valid_file_name,
        "",
        doc="File beside `nodes.toml` with the authority (PEM) of the mirrors, or of the registry without"
        ' any; `""`: those of Debian.',
    )
    line: int = line_of()


@dataclass(frozen=True, slots=True)
class Node:
    """One machine."""

    name: str = setting(valid.valid_node_name, doc="Host name, without a domain.")
    roles: tuple[str, ...] = setting(
        valid.valid_roles, doc="What it does. `metal`: virtual machines run on it."
    )
    mesh: str = setting(valid.valid_ipv4, doc="Address on the mesh.")
    address: str = setting(
        valid.valid_ipv4, "", doc='Address for SSH and WireGuard; `""`: behind NAT, reached by `jump`.'
    )
    private_address: str = setting(
        valid.valid_ipv4, "", doc="Address behind the NAT, by which `jump` reaches it."
    )
    address6: str = setting(valid.valid_ipv6, "", doc="IPv6 address, for DNS.")
    public_key: str = setting(
        valid.valid_wireguard_key,
        "",
        doc='Public key of WireGuard, as `wireguard.keys` prints it; `""`: not in the mesh yet.',
    )
    pod_cidr: str = setting(
        valid.valid_optional_network, "", doc="Network of its pods, part of `pod_network`."
    )
    endpoint: str = setting(
        valid.valid_endpoint, "", doc="Host and port of WireGuard, where a machine in front forwards them."
    )
    challenge_key: str = setting(
        valid.valid_optional_ssh_key,
        "",
        doc="Public key of SSH with which an edge sets DNS-01 challenges, as `dns.keys` prints it.",
    )
    keepalive: int = setting(
        valid.valid_keepalive, 0, doc="Seconds between packets that keep a NAT open; 0: none."
    )
    jump: str = setting(valid.valid_optional_node, "", doc="Node by which SSH reaches it.")
    host: str = setting(
        valid.valid_optional_node,
        "",
        doc="Node with the role `metal` on which it runs. Two nodes of one are never drained at once.",
    )
    labels: tuple[tuple[str, str], ...] = setting(valid.valid_node_labels, (), doc="Labels in Kubernetes.")
    taints: tuple[str, ...] = setting(valid.valid_taints, (), doc="Taints in Kubernetes.")
    line: int = line_of()
    public_key_line: int = line_of("public_key")

    @property
    def ssh_address(self) -> str:
        """The address of SSH; never that of the mesh, which a task may break."""
        return self.address or self.private_address

    def has(self, role: str) -> bool:
        """Return whether the node has *role*."""
        return role in self.roles

    @property
    def is_control_plane(self) -> bool:
        """Whether it runs, or will run, the API server and etcd."""
        return self.has("control-plane")

    @property
    def in_kubernetes(self) -> bool:
        """Whether it is, or becomes, a node of the cluster."""
        return not valid.KUBERNETES_ROLES.isdisjoint(self.roles)
