"""Render the mail server: Postfix, Dovecot and OpenDKIM, of Debian 13.

Reads nodes/templates. No writes, no network. Sources: postconf(5), doc.dovecot.org (2.4), opendkim.conf(5).
"""

from __future__ import annotations

from nodes.inventory import Inventory
from nodes.render.certificates import HOOKS
from nodes.render.files import ConfigFile, render

CERTIFICATES = "/etc/nodes/mail"  # a link named for the server, to the directory of its certificate
PASSWORDS = "/etc/dovecot/passwords"  # "address:hash", made on the machine
KEYS = "/etc/dkimkeys"  # a directory for each domain: SELECTOR.private, and its record, SELECTOR.txt
USER, STORE = "vmail", "/var/vmail"  # owner of the mailboxes, and where they are
_MAPS = "/etc/postfix/nodes"
_DKIM = "/etc/opendkim"
_UNITS = {"M": 1 << 20, "G": 1 << 30}
_SOCKETS = (("lmtp", "dovecot-lmtp"), ("auth", "auth"), ("quota-status", "quota-status"))


def mail_files(inventory: Inventory) -> tuple[ConfigFile, ...]:
    """Return all files of a mail server."""
    return (
        *opendkim_files(inventory),
        *postfix_files(inventory),
        *dovecot_files(inventory),
        hook_file(inventory),
    )


def postfix_files(inventory: Inventory) -> tuple[ConfigFile, ...]:
    """Return the files of Postfix. It reads tables as text, so that no other file can be out of date."""
    mail = inventory.mail
    cluster = sorted({address for one in inventory.nodes for address in (one.mesh, one.address) if address})
    main = render(
        "mail/main.cf",
        mail=mail,
        maps=_MAPS,
        tls=tls_directory(inventory),
        domains=inventory.mail_domains,
        own_names=_own_names(inventory),
        cluster=cluster,
        message_size=_bytes(mail.message_size),
    )
    tables = {
        "mailboxes": [(one.address, one.address) for one in inventory.mailboxes],
        "aliases": [
            *((one.address, ", ".join(one.mailboxes)) for one in inventory.aliases),
            *(
                (f"{name}@{host}", f"postmaster@{inventory.mail_domains[0]}")
                for host in _own_names(inventory)
                for name in ("root", "postmaster", "abuse")
            ),
        ],
        # Who may send as whom: an alias belongs to all of its mailboxes.
        "senders": [
            *((one.address, one.address) for one in inventory.mailboxes),
            *((one.address, ", ".join(one.mailboxes)) for one in inventory.aliases),
        ],
    }
    return (
        *(
            ConfigFile(f"{_MAPS}/{name}", render("mail/map", rows=rows), then="postfix")
            for name, rows in tables.items()
        ),
        ConfigFile("/etc/postfix/master.cf", render("mail/master.cf"), then="postfix"),
        ConfigFile("/etc/postfix/main.cf", main, then="postfix"),
    )


def dovecot_files(inventory: Inventory) -> tuple[ConfigFile, ...]:
    """Return the files of Dovecot, without passwords."""
    users = "/etc/dovecot/users"
    text = render(
        "mail/dovecot.conf",
        mail=inventory.mail,
        domains=inventory.mail_domains,
        store=STORE,
        user=USER,
        users=users,
        passwords=PASSWORDS,
        tls=tls_directory(inventory),
        sockets=_SOCKETS,
    )
    return (
        ConfigFile(users, render("mail/users", mailboxes=inventory.mailboxes), then="dovecot"),
        ConfigFile("/etc/dovecot/dovecot.conf", text, then="dovecot"),
    )


def opendkim_files(inventory: Inventory) -> tuple[ConfigFile, ...]:
    """Return the files of OpenDKIM: each domain signs with a key of its own."""
    selector = inventory.mail.selector
    keys = [
        (f"{selector}._domainkey.{domain}", f"{domain}:{selector}:{key_file(inventory, domain)}")
        for domain in inventory.mail_domains
    ]
    senders = [(f"*@{domain}", f"{selector}._domainkey.{domain}") for domain in inventory.mail_domains]
    text = render("mail/opendkim.conf", mail=inventory.mail, directory=_DKIM)
    return (
        ConfigFile(f"{_DKIM}/keytable", render("mail/map", rows=keys), then="opendkim"),
        ConfigFile(f"{_DKIM}/signingtable", render("mail/map", rows=senders), then="opendkim"),
        ConfigFile("/etc/opendkim.conf", text, then="opendkim"),
    )


def hook_file(inventory: Inventory) -> ConfigFile:
    """Return the script that certbot runs after a renewal."""
    text = render("mail/deploy-hook", mail=inventory.mail, tls=tls_directory(inventory))
    return ConfigFile(f"{HOOKS}/50-mail", text, mode=0o755)


def tls_directory(inventory: Inventory) -> str:
    """Return the directory of the server's certificate, a link."""
    return f"{CERTIFICATES}/{inventory.mail.host}"


def key_file(inventory: Inventory, domain: str) -> str:
    """Return the file of the private key of DKIM of *domain*."""
    return f"{KEYS}/{domain}/{inventory.mail.selector}.private"


def _own_names(inventory: Inventory) -> tuple[str, ...]:
    """Return the names whose mail is the machine's own, of no mailbox."""
    return tuple(name for name in (inventory.mail.host, "localhost") if name not in inventory.mail_domains)


def _bytes(size: str) -> int:
    return int(size[:-1]) * _UNITS[size[-1]]
