"""Check the wildcards of nodes.toml against its name servers, which prove them.

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
