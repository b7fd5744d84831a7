"""NOTES.txt, which `helm install` prints, in a dry run of it: `helm template` renders no notes."""

from __future__ import annotations

import re

import pytest

from tests.helm.render import CHART, MODES, helm, objects, of_kind, rendered, values_options

EDGES = {
    "ingress": "Point small.example at the ingress controller; the Ingress site-web shows its address.",
    "httproute": "Point small.example at the Gateway of the HTTPRoute site-web.",
    "nodeport": "Point your edge at port 30080, on every node that runs a web pod.",
    "trial": "Point your edge at the node port of the Service site-web, on every node that runs a web pod.",
    "public": "Nothing outside the cluster reaches it; inside, the Service site-web does, on port 80.",
}


def notes(mode: str, release: str = "site") -> str:
    """Return the notes of an installation with the values of *mode*."""
    argv = ["--namespace", "site", "--dry-run=client", *values_options(mode)]
    return helm("install", release, CHART, *argv).partition("\nNOTES:\n")[2]


@pytest.mark.parametrize("mode", MODES)
def test_the_notes_name_the_release_the_address_and_three_commands(mode: str) -> None:
    text = notes(mode)
    login = "pages without a login" if mode == "public" else "pages, and a login (database: "
    assert text.startswith(f"Small Site, 0.0.0: {login}")
    assert "Address: https://small.example\n" in text
    commands = text.partition("Check that it is live:\n")[2].splitlines()
    assert [line.split()[0] for line in commands] == ["kubectl", "helm", "python"]
    assert len(text.splitlines()) <= 10
    assert "<" not in text  # a value that is missing is rendered as <no value>


@pytest.mark.parametrize(("mode", "line"), EDGES.items())
def test_the_notes_name_the_way_in_of_each_edge(mode: str, line: str) -> None:
    assert f"  {line}\n" in notes(mode)


@pytest.mark.parametrize("mode", ["ingress", "httproute", "nodeport", "public"])
def test_the_command_of_kubectl_selects_what_the_chart_makes(mode: str) -> None:
    """Every kind that it names is in the chart, with the label that it selects by."""
    found = re.search(r"get (\S+) --selector (\S+)=(\S+)", notes(mode))
    assert found
    kinds = {"pods": "Pod", "services": "Service", "ingresses": "Ingress", "httproutes": "HTTPRoute"}
    for kind in (kinds[name] for name in found[1].split(",")):
        labels = [one["metadata"]["labels"] for one in of_kind(kind, objects(mode))]
        assert labels
        assert all(one[found[2]] == found[3] for one in labels)


def test_the_notes_name_another_release_and_are_no_manifest() -> None:
    assert "helm test blog --namespace site" in notes("nodeport", "blog")
    assert "Service blog-web" in notes("trial", "blog")
    assert "Check that it is live" not in rendered("nodeport")
