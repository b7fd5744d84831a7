"""Check the certificates of nodes.toml: name servers prove wildcards, and several edges need one.

Adds faults to a reader. No reads, no writes, no network.
"""

from __future__ import annotations

from pipelines.core.toml_reader import TomlReader


def check_wildcards(reader: TomlReader) -> None:
    """Add a fault for each of [acme] wildcards that DNS-01 cannot prove; keys with a fault are left out."""
    dns, cluster = (next(iter(reader.rows[table]), {}) for table in ("dns", "cluster"))
    zones: tuple[str, ...] = dns.get("zones") or (cluster.get("domain", ""),)
    for domain in next(iter(reader.rows["acme"]), {}).get("wildcards", ()):
        if dns.get("primary") == "":
            text, fix = f"{domain} needs DNS-01, and [dns] has no primary", "add primary to [dns]"
        elif "" not in zones and not any(f".{domain}".endswith(f".{zone}") for zone in zones):
            text, fix = f"{domain} is in no zone of [dns]", f"name a domain in {', '.join(zones)}"
        else:
            continue
        reader.add_fault("acme", 0, "wildcards", f"[acme] wildcards: {text}", fix)


def check_policy_host(reader: TomlReader) -> None:
    """Add a fault where the MTA-STS host has several edges and no wildcard: HTTP-01 reaches one of them."""
    acme, mail, cluster = (next(iter(reader.rows[table]), {}) for table in ("acme", "mail", "cluster"))
    edges = [one.get("name", "?") for one in reader.rows["node"] if "edge" in one.get("roles", ())]
    domain, wildcards = cluster.get("domain"), acme.get("wildcards")
    has_policy = mail.get("host") and mail.get("mta_sts", "none") != "none"
    if not (has_policy and acme.get("directory") and len(edges) > 1 and domain) or wildcards is None:
        return
    host = f"mta-sts.{domain}"
    if not {host, domain} & {*wildcards}:
        text = f"[mail] mta_sts: {host} needs DNS-01: HTTP-01 reaches one of {', '.join(sorted(edges))} only"
        reader.add_fault("mail", 0, "mta_sts", text, f'add "{domain}" to [acme] wildcards, or write "none"')
