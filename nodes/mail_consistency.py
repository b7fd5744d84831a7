"""Check the keys of mail in nodes.toml against each other: one server, addresses, domains, postmaster.

Adds faults to a reader. No reads, no writes, no network.
"""

from __future__ import annotations

from typing import Any

from pipelines.core.errors import suggest
from pipelines.core.toml_reader import TomlReader

Row = dict[str, Any]  # the keys that are valid


def check_mail(reader: TomlReader) -> None:
    """Add every fault that needs more than one key; keys with a fault of their own are left out."""
    mail = next(iter(reader.rows["mail"]), {})
    servers = [
        (index, row) for index, row in enumerate(reader.rows["node"]) if "mail" in row.get("roles", ())
    ]
    for index, row in servers[1:]:
        name, first = row.get("name", f"node {index + 1}"), servers[0][1].get("name", "another node")
        text = f"[[node]] {name} roles: {first} has the role mail too, and mailboxes are on one machine"
        reader.add_fault("node", index, "roles", text, "remove it from one of them")
    addresses = _addresses(reader)
    if not servers and mail.get("host") == "":
        for table, index, address in addresses[:1]:
            text = f"[[{table}]] {address}: [mail] host is missing"
            reader.add_fault(table, index, "address", text, 'write host = "mail.example.org" there')
    _check_duplicates(reader, addresses)
    _check_domains(reader, addresses, mail)
    if len(addresses) == len(reader.rows["mailbox"]) + len(reader.rows["alias"]):  # all are valid
        _check_postmasters(reader, addresses, mail)
        _check_targets(reader)


def _addresses(reader: TomlReader) -> list[tuple[str, int, str]]:
    """Return table, index and address of each mailbox and alias, in the order of the file."""
    return [
        (table, index, row["address"])
        for table in ("mailbox", "alias")
        for index, row in enumerate(reader.rows[table])
        if "address" in row
    ]


def _check_duplicates(reader: TomlReader, addresses: list[tuple[str, int, str]]) -> None:
    """An alias with the address of a mailbox would take its mail."""
    seen: dict[str, str] = {}
    for table, index, address in addresses:
        if address in seen:
            text = f"[[{table}]] address: duplicate {address!r}, as of [[{seen[address]}]]"
            reader.add_fault(table, index, "address", text, "write each address once")
        seen.setdefault(address, table)


def _domains(reader: TomlReader, mail: Row) -> tuple[str, ...]:
    """Return the domains of the server; () where a key of theirs is invalid."""
    cluster = next(iter(reader.rows["cluster"]), {})
    default = (cluster["domain"],) if "domain" in cluster else ()
    return mail["domains"] or default if "domains" in mail else ()


def _check_domains(reader: TomlReader, addresses: list[tuple[str, int, str]], mail: Row) -> None:
    """Each address is of a domain of the server: a mistyped one would make another domain."""
    domains = _domains(reader, mail)
    for table, index, address in addresses:
        domain = address.partition("@")[2]
        if domains and domain not in domains:
            text = f"[[{table}]] address: {domain} is not a domain of [mail]"
            reader.add_fault(table, index, "address", text, suggest(domain, domains))


def _check_postmasters(reader: TomlReader, addresses: list[tuple[str, int, str]], mail: Row) -> None:
    """Each domain has a postmaster (RFC 5321, 4.5.1)."""
    for domain in _domains(reader, mail):
        if mail.get("host") and f"postmaster@{domain}" not in {one for _, _, one in addresses}:
            text = f"[mail] host: nobody is postmaster@{domain} (RFC 5321, 4.5.1)"
            reader.add_fault("mail", 0, "host", text, "add it as an [[alias]] of a mailbox")


def _check_targets(reader: TomlReader) -> None:
    """The targets of an alias are mailboxes here: other servers refuse forwarded mail by its SPF record."""
    known = [row["address"] for row in reader.rows["mailbox"] if "address" in row]
    for index, row in enumerate(reader.rows["alias"]):
        for one in row.get("mailboxes", ()):
            if one not in known:
                text = f"[[alias]] {row.get('address', index + 1)} mailboxes: unknown mailbox {one!r}"
                reader.add_fault("alias", index, "mailboxes", text, suggest(one, known))
