"""Valid values: equal values give equal bytes, and a change of one changes only what depends on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helm.render import (
    CHART,
    MODES,
    helm,
    objects,
    of_kind,
    only,
    parse,
    rendered,
    template,
    values_options,
    web_files,
)
from tests.support.tools import need

CA = "-----BEGIN CERTIFICATE-----\nMIIBdjCCARugAw+/\nAw==\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("networks", [["2001:db8::/32"], ["::/0"], ["fd00:1:2:3:4:5:6:7/128"], ["0.0.0.0/0"]])
def test_networks_of_both_kinds_are_taken(networks: list[str]) -> None:
    assert networks[0] in template("nodeport", {"edge.trusted": networks})


def test_a_numeric_string_stays_a_string() -> None:
    """YAML parses 123 and true as other types, which Kubernetes refuses as names."""
    more = {"images.pullSecrets": ["123"], "api.secret": "1e3", "database.operator.namespace": "1"}
    found = parse(helm("template", "true", CHART, *values_options("nodeport")))
    assert {one["metadata"]["labels"]["app.kubernetes.io/instance"] for one in found} == {"true"}
    text = template("nodeport", more)
    for name in ("123", "1e3", "1"):
        assert f'"{name}"' in text
    for one in (only("Deployment", parse(text), "api"), only("Deployment", parse(text), "web")):
        assert one["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "123"}]


@pytest.mark.parametrize("mode", MODES)
def test_helm_lint_passes_in_strict_mode(mode: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *values_options(mode))


@pytest.mark.parametrize("mode", MODES)
def test_equal_values_give_equal_bytes(mode: str, tmp_path: Path) -> None:
    """In another directory, with another time zone, locale, umask and home."""
    chart = tmp_path / "other" / "site"
    shutil.copytree(CHART, chart)
    words = [need("helm"), "template", "site", str(chart), "--namespace", "site", *values_options(mode)]
    argv = ["sh", "-c", 'umask 077; exec "$@"', "-", *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}
    again = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert again == rendered(mode)


NEXT = {
    "release.commit": "f" * 40,
    "release.site": "4" * 64,
    "release.asset": "/assets/site.00000000.css",
    "web.image.digest": "sha256:" + "5" * 64,
}


def test_a_text_changes_the_web_pods_and_nothing_else_that_runs(tmp_path: Path) -> None:
    """A new version with new pages leaves API and CronJob equal, byte for byte."""
    chart = tmp_path / "site"
    shutil.copytree(CHART, chart)
    (chart / "Chart.yaml").write_text((CHART / "Chart.yaml").read_text().replace("0.0.0", "1.4.13"))
    old, new = objects("nodeport"), parse(template("nodeport", NEXT, chart=chart))
    before = {one["metadata"]["name"]: one["spec"] for one in of_kind("Deployment", old)}
    after = {one["metadata"]["name"]: one["spec"] for one in of_kind("Deployment", new)}
    assert before["site-api"] == after["site-api"]
    assert before["site-web"]["template"] != after["site-web"]["template"]
    assert only("CronJob", old)["spec"] == only("CronJob", new)["spec"]


def test_a_new_login_changes_the_login_alone() -> None:
    """Except /version.json, which web pods mount."""
    old = objects("nodeport")
    new = parse(template("nodeport", {"api.image.digest": "sha256:" + "6" * 64}))
    before, after = (
        {
            one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"]
            for one in of_kind("Deployment", side)
        }
        for side in (old, new)
    )
    assert before["site-web"] == after["site-web"]
    assert before["site-api"] != after["site-api"]


def test_web_pods_carry_their_own_files() -> None:
    """A ConfigMap would change under old pods, or be deleted while they run."""
    files = [
        web_files(parse(template("nodeport", more)))
        for more in ({}, {"release.commit": "f" * 40}, {"cluster.pods": ["10.0.0.0/8"]}, {"web.workers": 4})
    ]
    assert len({json.dumps(one) for one in files}) == 4
    assert [one.keys() for one in files] == [{"cluster.conf", "process.conf", "version.json"}] * 4
    assert of_kind("ConfigMap", objects("nodeport")) == []


def test_a_private_authority_of_the_bucket_is_one_more_file_of_web_pods() -> None:
    """Without it nothing differs."""
    found = parse(template("nodeport", {"web.bucket.ca": f"\n{CA}\n{CA}\n\n"}))
    files = web_files(found)
    assert files.keys() == {
        "bucket-ca.conf", "bucket-ca.pem", "cluster.conf", "process.conf", "version.json",
    }  # fmt: skip
    assert files["bucket-ca.pem"].rstrip("\n") == f"{CA}\n{CA}".rstrip("\n")
    volumes = only("Deployment", found, "web")["spec"]["template"]["spec"]["volumes"]
    (mounted,) = (one["downwardAPI"]["items"] for one in volumes if one["name"] == "cluster")
    assert [one["path"] for one in mounted] == ["bucket-ca.conf", "bucket-ca.pem", "cluster.conf"]
    assert template("nodeport", {"web.bucket.ca": ""}) == rendered("nodeport")


def test_each_revision_has_a_migration_of_its_own() -> None:
    """A Job is immutable, and a hook of an upgrade could block a rollback."""
    (job,) = of_kind("Job", objects("nodeport"))
    assert job["metadata"]["name"] == "site-migrate-1"
    assert "annotations" not in job["metadata"]
    hooks = [one for one in objects("nodeport") if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"test"}


def test_two_releases_fit_into_one_namespace() -> None:
    files = values_options("nodeport")
    first, second = (
        {(one["kind"], one["metadata"]["name"]) for one in parse(helm("template", name, CHART, *files))}
        for name in ("site", "other")
    )
    assert first & second == set()
    long = helm("template", "a-name-as-long-as-helm-lets-it-be-which-is-53-letters", CHART, *files)
    # A CronJob adds eleven letters to its name, and may have 52 (CronJobSpec in Kubernetes' reference).
    assert all(
        len(one["metadata"]["name"]) <= (52 if one["kind"] == "CronJob" else 63) for one in parse(long)
    )


def test_a_chart_from_a_registry_renders_the_same(tmp_path: Path) -> None:
    """Flux installs it as X.Y.N+<digest>: labels refuse the plus, and /version.json has X.Y.N."""
    found = []
    for version in ("1.4.13", "1.4.13+0123456789ab"):
        chart = tmp_path / version
        shutil.copytree(CHART, chart)
        text = (CHART / "Chart.yaml").read_text()
        (chart / "Chart.yaml").write_text(text.replace("0.0.0", version, 1))
        found.append(template("nodeport", chart=chart))
    assert found[0] == found[1]
    assert "1.4.13" in found[0]
