"""Tests of the signatures of images and charts, verified with the real cosign."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pipelines import cli
from pipelines.core import results
from pipelines.core.credentials import Credentials, Login
from pipelines.core.errors import ToolError
from pipelines.tools import signing
from pipelines.tools.cosign import is_signed, sign_manifest, signature_tag
from pipelines.tools.environment import credentials_from
from pipelines.tools.http import HttpClient
from pipelines.tools.registry import Registry
from pipelines.tools.retry import RetryPolicy
from tests.support.delivery.release import release
from tests.support.delivery.targets import Publisher
from tests.support.registry import LOGIN
from tests.support.tools import need

KEY, OTHER = signing.generate_key(), signing.generate_key()
VERSION = "1.0.4-rc"


def environment(key: signing.PrivateKey = KEY) -> dict[str, str]:
    charts = {"SITE_CHARTS_USER": LOGIN[0], "SITE_CHARTS_PASSWORD": LOGIN[1]}
    return {**charts, "SITE_SIGNING_KEY": key.pem().decode()}


@pytest.fixture
def charts(publisher: Publisher) -> Publisher:
    """A publisher with its charts in the registry."""
    publisher.write(repository=f"oci://{publisher.services.front['registry'].host}/{publisher.name}/charts")
    return publisher


@pytest.fixture
def web(publisher: Publisher) -> Iterator[HttpClient]:
    with HttpClient(RetryPolicy(60), publisher.services.registry.authority) as one:
        yield one


def repository(web: HttpClient, publisher: Publisher, name: str) -> Registry:
    host, login = publisher.services.registry.host, Login(*LOGIN)
    return Registry(web, f"{host}/{publisher.name}/{name}", login, "VARIABLES")


def verify(publisher: Publisher, reference: str, key: signing.PrivateKey, folder: Path) -> tuple[int, str]:
    """Verify with cosign's library, as Flux does (.ci/cosign), and with its command if it is installed.

    The command (`make cosign-command`) compiles for six minutes of CPU, too long for each run of the tests.
    """
    registry = publisher.services.registry
    (folder / "key.pub").write_bytes(key.public.pem())
    login = base64.b64encode(":".join(LOGIN).encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
    where = {"SSL_CERT_FILE": str(registry.authority), "DOCKER_CONFIG": str(folder), "HOME": str(folder)}
    argv = [need("cosign-verify"), str(folder / "key.pub"), f"{registry.host}/{publisher.name}/{reference}"]
    done = subprocess.run(argv, env=where, capture_output=True, text=True, timeout=60, check=False)
    if command := shutil.which("cosign"):
        argv = ["verify", "--key", argv[1], "--insecure-ignore-tlog=true", argv[2]]
        real = subprocess.run([command, *argv], env=where, capture_output=True, timeout=60, check=False)
        assert (real.returncode == 0) == (done.returncode == 0), real.stderr.decode()
    return done.returncode, done.stdout + done.stderr


def test_cosign_verifies_what_publish_signed(charts: Publisher, tmp_path: Path) -> None:
    """Images and chart, by tag and by digest; another key verifies none of them."""
    run = charts.run("publish", env=environment())
    assert (run.code, run.err) == (0, "")
    chart = results.read_chart(charts.project / "out/chart.json")
    for reference in (f"web:{VERSION}", f"web@{chart.web}", f"api:{VERSION}", f"charts/site:{VERSION}"):
        code, output = verify(charts, reference, KEY, tmp_path)
        assert code == 0, output
        assert "cosign container image signature" in output
    code, output = verify(charts, f"charts/site:{VERSION}", OTHER, tmp_path)
    assert code != 0
    assert "no matching signatures" in output


def test_a_chart_has_its_signature_before_its_tag(charts: Publisher) -> None:
    """Flux follows tags: what it finds is signed."""
    assert charts.run("publish", env=environment()).code == 0
    calls = charts.services.front["registry"].calls
    puts = [call.path for call in calls if call.method == "PUT" and "/manifests/" in call.path]
    names = [path.removeprefix(f"/v2/{charts.name}/").replace("/manifests/", " ") for path in puts]
    kinds = [f"{name.split()[0]} {'sig' if name.endswith('.sig') else name.split()[1][:6]}" for name in names]
    assert kinds == [
        "web 1.0.4-", "web sig", "api 1.0.4-", "api sig",
        "charts/site sha256", "charts/site sig", "charts/site 1.0.4-",
    ]  # fmt: skip


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("path", ["charts/site/manifests/sha256-", "charts/site/manifests/sha256:"])
def test_a_publisher_killed_before_the_signature_leaves_no_tag(
    charts: Publisher, web: HttpClient, path: str
) -> None:
    """The next run completes the publication."""
    front = charts.services.front["registry"]
    front.after = lambda call: call.method == "PUT" and path in call.path
    assert charts.run("publish", "--deadline", "3", env=environment()).code == 1
    front.after = None
    registry = repository(web, charts, "charts/site")
    assert registry.manifest(VERSION) is None
    assert charts.run("publish", env=environment()).code == 0
    found = registry.manifest(VERSION)
    assert found
    assert is_signed(registry, found.digest, KEY.public)


def test_a_signed_release_is_not_signed_again(charts: Publisher) -> None:
    assert charts.run("publish", env=environment()).code == 0
    for one in charts.services.front.values():
        one.calls.clear()
    second = charts.run("publish", "--json", env=environment())
    assert second.code == 0, second.err
    assert charts.uploaded_bytes() == 0
    assert {name: row["sent"] for row in second.result["targets"] if (name := row["name"]) != "receiver"} == {
        "image web": [], "image api": [], "assets": [], "archive": [], "chart": [],
    }  # fmt: skip


@pytest.mark.slow
def test_a_new_key_signs_besides_the_old_one(charts: Publisher, tmp_path: Path) -> None:
    """Clusters trust both keys until the old one is removed."""
    assert charts.run("publish", env=environment()).code == 0
    assert charts.run("publish", env=environment(OTHER)).code == 0
    for key in (KEY, OTHER):
        code, output = verify(charts, f"charts/site:{VERSION}", key, tmp_path)
        assert code == 0, output


@pytest.mark.slow
def test_a_promoted_release_is_signed(charts: Publisher, tmp_path: Path) -> None:
    """The images are those of the candidate, already signed; the chart is a new one."""
    assert charts.run("publish", env=environment()).code == 0
    found = results.read_chart(charts.project / "out/chart.json")
    release(charts.project, version="1.0.4", kind="stable")
    assert charts.run("publish", env=environment()).code == 0
    for reference in ("web:1.0.4", "charts/site:1.0.4"):
        code, output = verify(charts, reference, KEY, tmp_path)
        assert code == 0, output
    assert results.read_chart(charts.project / "out/chart.json").web == found.web


def test_a_signature_of_something_else_is_ignored(charts: Publisher, web: HttpClient) -> None:
    """Signatures of another digest, of another key or of an invalid form are replaced."""
    assert charts.run("publish", env=environment(OTHER)).code == 0
    chart = results.read_chart(charts.project / "out/chart.json")
    registry = repository(web, charts, "web")
    assert not is_signed(registry, chart.web, KEY.public)
    other = registry.manifest(signature_tag(chart.web))
    assert other
    assert chart.api
    for data in (other.data, other.data.replace(b"simplesigning", b"simplesignin9"), b'{"layers": [{}, 1]}'):
        other_digest = f"sha256:{'ab' * 32}"
        try:
            registry.put_manifest(signature_tag(other_digest), data)
        except ToolError:  # the registry itself refuses an invalid manifest
            continue
        assert not is_signed(registry, other_digest, OTHER.public)
    assert sign_manifest(registry, chart.web, KEY)
    assert not sign_manifest(registry, chart.web, KEY)
    assert is_signed(registry, chart.web, KEY.public)
    assert is_signed(registry, chart.web, OTHER.public)


def test_a_chart_for_a_registry_is_not_uploaded_without_a_key(charts: Publisher) -> None:
    """Flux would always refuse it, so nothing is uploaded."""
    run = charts.run("publish", env={**environment(), "SITE_SIGNING_KEY": ""})
    assert (run.code, charts.calls()) == (1, [])
    assert "[chart] repository is oci://, from where Flux accepts signed charts only; set SITE_" in run.err


def test_a_chart_for_nexus_needs_no_key_and_images_are_signed_with_one(
    publisher: Publisher, tmp_path: Path
) -> None:
    assert publisher.run("publish").code == 0
    assert verify(publisher, f"web:{VERSION}", KEY, tmp_path)[0] != 0
    assert publisher.run("publish", env={"SITE_SIGNING_KEY": KEY.pem().decode()}).code == 0
    assert verify(publisher, f"web:{VERSION}", KEY, tmp_path)[0] == 0


def test_no_private_key_is_printed_or_stored(charts: Publisher) -> None:
    run = charts.run("publish", "--json", env=environment())
    files = [path.read_bytes() for path in (charts.project / "out").rglob("*") if path.is_file()]
    lines = [line for line in KEY.pem().splitlines() if b"-----" not in line]
    everything = b"\n".join([run.out.encode(), run.err.encode(), *files, *charts.objects("archive").values()])
    assert [line for line in lines if line in everything] == []
    assert "PRIVATE" not in repr(credentials(SITE_SIGNING_KEY=KEY.pem().decode()))


def credentials(**environ: str) -> Credentials:
    return credentials_from(environ, "registry.example.org/site", "https://nexus.example.org")


def pkcs8(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: str = "") -> str:
    algorithm = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    return key.private_bytes(*form, algorithm).decode()


COSIGN = (
    "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
)
WRONG = [
    (pkcs8(KEY.key, "right"), "", "is encrypted; set its password in SITE_SIGNING_PASSWORD"),
    (pkcs8(KEY.key, "right"), "wrong", "cannot be read with this password"),
    (pkcs8(KEY.key), "right", "a password is set, and the key is not encrypted; unset SITE_SIGNING_PASSWORD"),
    (COSIGN, "", "is encrypted in cosign's format, and only PKCS #8 is supported"),
    (KEY.public.pem().decode(), "", "is not a private key (PEM, PKCS #8)"),
    ("text", "", "is not a private key (PEM, PKCS #8)"),
    (pkcs8(ec.generate_private_key(ec.SECP384R1())), "", "is not an ECDSA key over P-256"),
    (pkcs8(ed25519.Ed25519PrivateKey.generate()), "", "is not an ECDSA key over P-256"),
]


@pytest.mark.parametrize(("pem", "password", "what"), WRONG)
def test_a_key_that_does_not_fit_is_named_and_not_shown(pem: str, password: str, what: str) -> None:
    with pytest.raises(ToolError) as raised:
        credentials(SITE_SIGNING_KEY=pem, SITE_SIGNING_PASSWORD=password)
    assert str(raised.value).startswith(f"SITE_SIGNING_KEY: {what}")
    assert [line for line in pem.splitlines() if "-----" not in line and line in str(raised.value)] == []


def test_an_encrypted_key_is_read_with_its_password_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(pkcs8(KEY.key, "right"))
    found = credentials(SITE_SIGNING_KEY_FILE=str(tmp_path / "key"), SITE_SIGNING_PASSWORD="right").signer
    assert isinstance(found, signing.PrivateKey)
    assert found.public.pem() == KEY.public.pem()


def test_a_pair_is_made_and_its_private_key_is_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenSSL reads both; a second pair never replaces the first."""
    (tmp_path / "flux").mkdir()
    out = tmp_path / "signing.key"
    argv = ["--project", str(tmp_path), "secrets", "signing"]
    assert cli.main([*argv, "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(out), "flux/signers/site.pub"]
    assert out.stat().st_mode & 0o777 == 0o600
    derived = subprocess.run(
        [need("openssl"), "pkey", "-in", out, "-pubout"], capture_output=True, check=True
    ).stdout
    assert (tmp_path / "flux/signers/site.pub").read_bytes() == derived
    before = out.read_bytes()
    for options, expected in (
        (["--out", str(out)], "flux/signers/site.pub: exists already; name another key with --name"),
        (["--out", str(out), "--name", "new"], "exists already; remove it, or name another file"),
        ([], "a private key is not printed; add --out FILE"),
        (["--out", str(tmp_path / "flux/a.key"), "--name", "new"], "flux/ is published"),
        (["--out", str(tmp_path / "b.key"), "--name", "../a"], "is not a name"),
    ):
        assert cli.main([*argv, *options]) in (1, 2)
        assert expected in capsys.readouterr().err
    assert out.read_bytes() == before
    assert [path.name for path in (tmp_path / "flux/signers").iterdir()] == ["site.pub"]
