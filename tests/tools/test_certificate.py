"""Certificates of authorities, as a file of a project has them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipelines.core.errors import ToolError
from pipelines.tools import certificate
from tests.flux.sites import BUCKET_CA
from tests.support.tools import need


def test_text_between_certificates_is_removed() -> None:
    """Files of authorities name each certificate in plain text."""
    windows = BUCKET_CA.replace("\n", "\r\n")
    assert (
        certificate.authorities(f"Größe\n{BUCKET_CA}\nsubject=CN\n{windows}".encode(), "ca") == BUCKET_CA * 2
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no certificate"),
        ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "has no certificate"),
        (BUCKET_CA.replace("MIIB", "MIIC"), "certificate 1 is not valid"),
        (BUCKET_CA + BUCKET_CA.replace("MIIB", "M!?B"), "certificate 2 is not valid"),
    ],
)
def test_a_file_without_an_authority_is_refused(text: str, what: str) -> None:
    """NGINX would not start with it."""
    with pytest.raises(ToolError, match=f"^ca: {what}; write the certificates of the authority as PEM$"):
        certificate.authorities(text.encode(), "ca")


def test_the_certificate_of_a_server_is_not_one_of_an_authority(tmp_path: Path) -> None:
    """The bucket's own certificate verifies nothing, and ends soon."""
    words = ("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    names = ("-subj", "/CN=s3.example", "-addext", "basicConstraints=critical,CA:FALSE")
    files = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem")
    subprocess.run([need("openssl"), *words, *names, *files], check=True, capture_output=True)
    with pytest.raises(ToolError, match="ca: certificate 1 is not one of an authority; write "):
        certificate.authorities((tmp_path / "certificate.pem").read_bytes(), "ca")
