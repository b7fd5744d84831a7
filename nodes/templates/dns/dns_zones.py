#!/usr/bin/python3
"""Sign the zones of this name server, and set the challenges of DNS-01 in them.

dns-zones sign                         sign each zone that changed, or whose signatures are old
dns-zones ds                           print the DS of each zone, for its registrar
dns-zones new-key ZONE                 make a key beside those of the zone; `sign` uses it
dns-zones challenge set NAME VALUE     add a TXT; return when all name servers have it
dns-zones challenge remove NAME VALUE  remove it
dns-zones remote                       the same challenge, from SSH_ORIGINAL_COMMAND

Reads /etc/nodes/dns.json and /etc/nodes/zones. Writes /var/lib/nodes/dns and /var/lib/nsd/primary.
Network: the secondaries. Source of the lifetimes: RFC 6781, 4.4.2.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

CONFIG = Path("/etc/nodes/dns.json")
RECORDS = Path("/etc/nodes/zones")
STATE = Path("/var/lib/nodes/dns")
SERVED = Path("/var/lib/nsd/primary")
DAY = 86_400  # seconds
LONGEST = 253  # characters of a name
VALID, RENEWED = 28 * DAY, 14 * DAY  # signatures: how long they last, and when they are made anew
SKEW = 3600  # seconds that the clock of a resolver may be behind
CHALLENGE_TTL = 60  # seconds
WAIT = 60.0  # seconds for all name servers to have a challenge
SILENT = 15.0  # seconds after which a secondary that never answers is left out
ALGORITHM = "ECDSAP256SHA256"
SERIAL = "@SERIAL@"  # in the SOA of a file of records
LOCAL = "127.0.0.1"


class ZoneError(Exception):
    """What went wrong, for the operator."""


def run(*argv: str, timeout: float = 60.0, cwd: Path | None = None) -> str:
    """Return the stdout of *argv*; raise ZoneError when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False)
    if done.returncode:
        text = (done.stderr.strip() or done.stdout.strip()).replace("\n", " | ")
        raise ZoneError(f"{argv[0]}: exit status {done.returncode}: {text}")
    return done.stdout


def query(server: str, name: str, kind: str) -> list[str] | None:
    """Return the data of each record that *server* answers; None without an answer."""
    argv = ("drill", "-a", f"@{server}", name, kind)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=3, check=False)
    except subprocess.TimeoutExpired:
        return None
    if "rcode:" not in done.stdout:
        return None
    rows = (line.split(maxsplit=4) for line in done.stdout.splitlines() if not line.startswith(";"))
    return [row[4] for row in rows if len(row) == 5 and row[3] == kind and row[0] == f"{name}."]


def serial_of(server: str, zone: str) -> int:
    """Return the serial that *server* has of *zone*; 0 without one."""
    rows = query(server, zone, "SOA") or []
    return int(rows[0].split()[2]) if rows else 0


def next_serial(before: int, today: str) -> int:
    """Return the serial after *before*: YYYYMMDD00 of *today*, or one more (RFC 1912, 2.2)."""
    return max(before + 1, int(f"{today}00"))


def read_json(path: Path, default: Any) -> Any:
    """Return the JSON in *path*, *default* without the file."""
    return json.loads(path.read_text("utf-8")) if path.exists() else default


def write(path: Path, text: str) -> None:
    """Write *text* to *path* in one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, "utf-8")
    new.replace(path)


def private_keys(zone: str) -> list[Path]:
    """Return the private keys of *zone*."""
    return sorted((STATE / "keys").glob(f"K{zone}.+*.private"))


def make_key(zone: str) -> None:
    """Make a key for *zone*."""
    directory = STATE / "keys"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    run("ldns-keygen", "-k", "-a", ALGORITHM, zone, cwd=directory)
    print(f"{zone}: made a key; its DS goes to the registrar: dns-zones ds")


def keys_of(zone: str, config: dict[str, Any]) -> list[Path]:
    """Return the private keys of *zone*; make the first one.

    Raise ZoneError where a name server has the zone signed: with another key, it is
    bogus for everyone who follows its DS.
    """
    if not private_keys(zone):
        servers = {"this server": LOCAL, **config["secondaries"]}
        signed = [name for name, address in servers.items() if query(address, zone, "DNSKEY")]
        if signed:
            text = f"{zone}: {', '.join(signed)} has it signed with a key that is not in {STATE}/keys"
            raise ZoneError(f"{text}; restore that, or run dns.apply, which says what is left to do")
        make_key(zone)
    return private_keys(zone)


def challenges_of(zone: str, zones: Sequence[str], challenges: Sequence[Sequence[Any]]) -> str:
    """Return the lines of the challenges in *zone*, which no longer one of *zones* holds."""
    lines = []
    for name, value, _ in challenges:
        inside = [one for one in zones if name.endswith(f".{one}")]
        if max(inside, key=len, default="") == zone:
            lines.append(f'{name}. {CHALLENGE_TTL} IN TXT "{value}"\n')
    return "".join(sorted(lines))


def sign(zone: str, config: dict[str, Any], now: float) -> None:
    """Sign *zone* if its records changed or its signatures are old, and let NSD load it."""
    records = (RECORDS / zone).read_text("utf-8")
    challenges = read_json(STATE / "challenges.json", [])
    records += challenges_of(zone, config["zones"], challenges)
    keys = keys_of(zone, config)
    identity = "\n".join([records, *(one.name for one in keys)])
    digest = hashlib.sha256(identity.encode()).hexdigest()
    state_file, served = STATE / f"{zone}.json", SERVED / f"{zone}.zone"
    state = read_json(state_file, {})
    is_fresh = state.get("digest") == digest and now - state.get("signed", 0) < RENEWED and served.exists()
    if not is_fresh:
        # A primary that was installed anew must not fall behind what the secondaries have.
        before = state.get("serial") or max(
            (serial_of(one, zone) for one in config["secondaries"].values()), default=0
        )
        serial = next_serial(before, time.strftime("%Y%m%d", time.gmtime(now)))
        sign_file(zone, records.replace(SERIAL, str(serial), 1), keys, served, now)
        state = {"digest": digest, "serial": serial, "signed": int(now)}
        write(state_file, json.dumps(state, sort_keys=True))
        print(f"{zone}: serial {serial}")
    load(zone, state["serial"])


def sign_file(zone: str, text: str, keys: Sequence[Path], served: Path, now: float) -> None:
    """Write *served*, signed with *keys*; raise ZoneError, and keep the old file, when a check fails."""
    work, new = STATE / "work", served.with_name(f"{served.name}.new")
    work.mkdir(parents=True, exist_ok=True)
    served.parent.mkdir(parents=True, exist_ok=True)
    source = work / zone
    source.write_text(text, "utf-8")
    names = [str(one.with_suffix("")) for one in keys]
    times = ("-i", str(int(now) - SKEW), "-e", str(int(now) + VALID))
    run("ldns-signzone", *times, "-o", f"{zone}.", "-f", str(new), str(source), *names)
    run("ldns-verify-zone", "-t", time.strftime("%Y%m%d%H%M%S", time.gmtime(now)), str(new))
    run("nsd-checkzone", zone, str(new))
    new.replace(served)


def load(zone: str, serial: int) -> None:
    """Let NSD load *zone* unless it has *serial*; raise ZoneError when it does not."""
    if serial_of(LOCAL, zone) == serial:
        return
    run("nsd-control", "reload", zone)
    wait(f"NSD does not load {zone}: nsd-control zonestatus", 10.0, lambda: serial_of(LOCAL, zone) == serial)


def wait(message: str, seconds: float, is_done: Callable[[], bool]) -> None:
    """Return when *is_done*; raise ZoneError with *message* after *seconds*."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise ZoneError(message)
        time.sleep(0.1)


def challenge(words: Sequence[str], config: dict[str, Any]) -> None:
    """Set or remove a challenge; after `set`, return when all name servers have it."""
    action, name, value = parse_challenge(words, config["zones"])
    now = time.time()
    path = STATE / "challenges.json"
    with lock():
        before = current_challenges(now)
        found = [one for one in before if one[:2] != [name, value]]
        write(path, json.dumps(found + ([[name, value, int(now)]] if action == "set" else [])))
        try:
            for zone in config["zones"]:
                if name.endswith(f".{zone}"):
                    sign(zone, config, now)
        except (ZoneError, subprocess.TimeoutExpired):
            write(path, json.dumps(before))  # the zone that is served has none of it
            raise
    if action == "set":
        for host, address in config["secondaries"].items():
            await_challenge(host, address, name, value)


def current_challenges(now: float) -> list[Any]:
    """Return the challenges; those of a day ago were left by a client that broke off."""
    return [one for one in read_json(STATE / "challenges.json", []) if now - one[2] < DAY]


def sign_all(config: dict[str, Any], now: float) -> int:
    """Sign each zone that needs it; return 1 if one cannot be signed, after all others."""
    status = 0
    with lock():
        write(STATE / "challenges.json", json.dumps(current_challenges(now)))
        for zone in config["zones"]:
            try:
                sign(zone, config, now)
            except (ZoneError, OSError, subprocess.TimeoutExpired) as error:
                print(f"dns-zones: {zone}: {error}", file=sys.stderr)
                status = 1
    return status


def parse_challenge(words: Sequence[str], zones: Sequence[str]) -> tuple[str, str, str]:
    """Return action, name and value of a challenge; raise ZoneError for anything else."""
    usage = "dns-challenge set|remove _acme-challenge.NAME VALUE"
    if len(words) != 3 or words[0] not in ("set", "remove"):
        raise ZoneError(f"usage: {usage}")
    action, name, value = words[0], words[1].lower().rstrip("."), words[2]
    if not re.fullmatch(r"_acme-challenge(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)+", name):
        raise ZoneError(f"{name!r}: must begin with _acme-challenge.; {usage}")
    if len(name) > LONGEST:
        raise ZoneError(f"{name}: is longer than {LONGEST} characters (RFC 1035, 2.3.4)")
    if not any(name.endswith(f".{zone}") for zone in zones):
        raise ZoneError(f"{name}: is in no zone of this server ({', '.join(zones)})")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value):
        raise ZoneError("the value must be base64url, as ACME gives it (RFC 8555, 8.4)")
    return action, name, value


def await_challenge(host: str, address: str, name: str, value: str) -> None:
    """Return when *host* has the challenge; raise ZoneError when it keeps other answers.

    The authority gets no answer either from a secondary that is away: it is left out.
    """
    start, has_answered = time.monotonic(), False
    while time.monotonic() - start < (WAIT if has_answered else SILENT):
        rows = query(address, name, "TXT")
        has_answered |= rows is not None
        if rows and f'"{value}"' in rows:
            return
        time.sleep(0.1)
    if has_answered:
        raise ZoneError(f"{host} has not followed within {WAIT:g} s; look at NSD there")
    print(f"{host} gives no answer, and is left out", file=sys.stderr)


def lock() -> Any:
    """Return a file that no other run of this program holds."""
    STATE.mkdir(parents=True, exist_ok=True)
    file = (STATE / "lock").open("w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def main(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    try:
        config = read_json(CONFIG, {"zones": [], "secondaries": {}})
        if words == ["sign"]:
            return sign_all(config, time.time())
        if words == ["ds"]:
            for zone in config["zones"]:
                for one in sorted((STATE / "keys").glob(f"K{zone}.+*.ds")):
                    print(" ".join(one.read_text("utf-8").split()))
        elif words[:1] == ["new-key"] and len(words) == 2 and words[1] in config["zones"]:
            with lock():
                make_key(words[1])
        elif words[:1] == ["challenge"]:
            challenge(words[1:], config)
        elif words == ["remote"]:
            challenge(os.environ.get("SSH_ORIGINAL_COMMAND", "").split(), config)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (ZoneError, OSError, subprocess.TimeoutExpired) as error:
        print(f"dns-zones: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
