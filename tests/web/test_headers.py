"""Security headers of every response, and cache headers by zone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pipelines.preview.headers import SECURITY_HEADERS, security_headers
from tests.fakes.upstream import Upstream
from tests.web.conftest import Start
from tests.web.server import NGINX, WebServer, run_process

ALWAYS = {
    **SECURITY_HEADERS,
    "Permissions-Policy": (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "nginx",
}
LONG = "/" + "a" * 9000


def asset(web: WebServer) -> str:
    """Return the address of the stylesheet."""
    found = re.search(r"/assets/site\.[0-9a-f]{8}\.css", web.get("/").text)
    assert found
    return found[0]


def assert_security_headers(web: WebServer, path: str, status: int, **more: object) -> None:
    """Assert that *path* is answered with *status* and with all of ALWAYS, each once."""
    response = web.get(path, **more)  # type: ignore[arg-type]
    assert response.status == status, path
    assert {name: response.headers.get(name.lower()) for name in ALWAYS} == ALWAYS, path
    assert "last-modified" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/",                          200),
        ("/posts/one",                 301),
        ("/old",                       301),
        ("/nowhere",                   404),
        ("/404.html",                  404),
        ("/version.json",              200),
        ("/files/facts.csv",           200),
        ("/assets/none.12345678.css",  404),
        ("/members",                   301),
        ("/members/",                  200),
        ("/members/inside/",           200),
        ("/members/inside",            301),
        ("/members/nowhere/",          404),
        ("/_gate",                     404),
        ("/_gate/staff",               404),
        ("/admin",                     301),
        ("/admin/",                    204),
        ("/_allauth/x",                204),
        ("/accounts/x",                204),
        ("/_allauth/%2e",              400),
        (LONG,                         414),
    ],
)  # fmt: skip
def test_every_location_sends_the_security_headers(
    web: WebServer, api: Upstream, path: str, status: int
) -> None:
    assert_security_headers(web, path, status)


LOGIN = "/_allauth/browser/v1/auth/login"
# Every location of the configuration, and how a request comes there.
LOCATIONS = {
    "/": "/posts/one/", "@missing": "/old", "= /version.json": "/version.json",
    "= /403.html": "/403.html", "= /404.html": "/nowhere", "= /503.html": "/503.html",
    "^~ /assets/": "/assets/none.12345678.css", "@peers": "/assets/none.12345678.css",
    "@bucket": "/assets/none.12345678.css", "= /_gate": "/_gate", "= /_gate/staff": "/_gate/staff",
    "~* ^/members(/|$)": "/members/inside/", "@gate_closed": "/members/inside/",
    "@missing_members": "/members/nowhere",
    "^~ /_allauth/": "/_allauth/x", "^~ /accounts/": "/accounts/x",
    "^~ /admin/": "/admin/x", "@too_many": LOGIN,
}  # fmt: skip


@pytest.mark.parametrize("api_status", [200, 204, 401, 403, 404, 429, 500])
def test_every_location_sends_security_headers_for_any_method_and_status(
    start: Start, api: Upstream, api_status: int
) -> None:
    """The table must list every location of the configuration."""
    text = "".join(
        file.read_text("utf-8") for file in sorted(NGINX.rglob("*.conf")) if file.name != "health.conf"
    )
    assert set(re.findall(r"^location ([^{]+?) \{", text, re.M)) == set(LOCATIONS)
    address = f"127.0.0.1:{api.port}"
    api.respond(api_status, b"x", Content_Type="text/plain")
    with start(api=address, peers=address, bucket=f"http://{address}/b") as all_of_it:
        for path in LOCATIONS.values():
            for method in ("GET", "HEAD", "POST"):
                response = all_of_it.get(path, method)
                assert {name: response.headers.get(name.lower()) for name in ALWAYS} == ALWAYS, (path, method)
        # The API sends text here; JSON is NGINX's own response to the 22nd login.
        one_reader = {"X-Forwarded-For": "203.0.113.9"}
        many = [all_of_it.get(LOGIN, "POST", headers=one_reader) for _ in range(40)]
        refused = [one for one in many if one.headers.get("content-type") == "application/json"]
        assert refused
        for response in refused:
            assert {name: response.headers.get(name.lower()) for name in ALWAYS} == ALWAYS


def test_allow_and_retry_after_of_the_api_are_sent_once(web: WebServer, api: Upstream) -> None:
    api.respond(405, Allow="POST")
    assert web.get("/_allauth/x").headers["allow"] == "POST"
    api.respond(429, Retry_After="3600")
    assert web.get("/_allauth/x").headers["retry-after"] == "3600"
    assert web.get("/_allauth/x", "OPTIONS").headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"


@pytest.mark.parametrize("path", ["/members/inside/", "/admin/"])
@pytest.mark.parametrize(("api_status", "status"), [(401, 401), (403, 403), (500, 503), (301, 503)])
def test_responses_of_a_closed_gate_send_security_headers(
    web: WebServer, api: Upstream, path: str, api_status: int, status: int
) -> None:
    api.respond(api_status)
    assert_security_headers(web, path, status)


def test_responses_to_invalid_requests_send_security_headers(web: WebServer, api: Upstream) -> None:
    assert_security_headers(web, "/", 405, method="DELETE")
    assert_security_headers(web, "/_allauth/x", 413, method="POST", body=b"x" * 16385)
    assert_security_headers(web, "/", 400, headers={"Host": "a b"})


def test_no_other_file_adds_headers() -> None:
    """An add_header in a location stops the inheritance of all others."""
    found = [
        file.relative_to(NGINX).as_posix()
        for file in sorted(NGINX.rglob("*.conf"))
        if re.search(r"^\s*(add_header|more_set_headers|expires)\b", file.read_text("utf-8"), re.M)
    ]
    assert found == ["http/headers.conf"]


def test_headers_of_the_api_are_not_duplicated(web: WebServer, api: Upstream) -> None:
    """Browsers enforce both of two policies: pages would break."""
    api.respond(
        200, b"{}",
        Content_Security_Policy="default-src *", Strict_Transport_Security="max-age=1", Referrer_Policy="x",
        X_Content_Type_Options="x", Cross_Origin_Opener_Policy="unsafe-none", Permissions_Policy="camera=*",
        X_Powered_By="Python", Server="gunicorn", Last_Modified="Thu, 01 Jan 1970 00:00:00 GMT",
        Cross_Origin_Resource_Policy="cross-origin",
    )  # fmt: skip
    assert_security_headers(web, "/_allauth/x", 200)
    response = web.get("/_allauth/x")
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert "x-powered-by" not in response.headers


@pytest.mark.parametrize(
    ("path", "policy", "vary"),
    [
        ("/",                           "no-cache",             "Accept-Encoding"),
        ("/feed.atom",                  "no-cache",             "Accept-Encoding"),
        ("/files/facts.csv",            "no-cache",             None),
        ("/old",                        "no-cache",             None),
        ("/nowhere",                    "no-cache",             "Accept-Encoding"),
        ("/assets/none.12345678.css",   "no-cache",             "Accept-Encoding"),
        ("/version.json",               "no-store",             None),
        ("/members/inside/",            "private, no-store",    "Accept-Encoding, Cookie"),
        ("/members/inside",             "private, no-store",    "Cookie"),
        ("/members/nowhere/",           "private, no-store",    "Accept-Encoding, Cookie"),
        ("/_allauth/x",                 "no-store",             None),
    ],
)  # fmt: skip
def test_only_hashed_names_are_immutable(
    web: WebServer, api: Upstream, path: str, policy: str, vary: str | None
) -> None:
    """No cache may keep a page beyond the next release, or a members' page at all."""
    response = web.get(path)
    assert (response.headers["cache-control"], response.headers.get("vary")) == (policy, vary)


def test_hashed_names_are_immutable_and_only_when_they_are_there(web: WebServer) -> None:
    path = asset(web)
    forever = "public, max-age=31536000, immutable"
    first = web.get(path)
    assert first.headers["cache-control"] == forever
    again = web.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.headers["cache-control"]) == (304, forever)
    assert web.get(path, "POST").headers["cache-control"] == "no-cache"


def test_an_unsatisfiable_range_is_not_cached(web: WebServer) -> None:
    """NGINX adds headers twice to a 416: first those of the file, then those of the refusal."""
    response = web.get(asset(web), headers={"Range": "bytes=9999999-"})
    assert response.status == 416
    assert response.headers["cache-control"].endswith(", no-cache")
    for name, value in ALWAYS.items():
        assert response.headers[name.lower()] in (value, f"{value}, {value}")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refused_page_is_not_cached(web: WebServer, api: Upstream, status: int) -> None:
    api.respond(status)
    for path in ("/members/", "/members/inside/", "/%6dembers/inside/"):
        response = web.get(path)
        assert response.headers["cache-control"] == "private, no-store"
        assert "Cookie" in response.headers["vary"]


def test_the_api_sets_its_own_cache_control(web: WebServer, api: Upstream) -> None:
    api.respond(200, b"x", Cache_Control="max-age=60")
    api.pages["/_gate/staff"] = (204, b"")
    assert web.get("/admin/static/x.css").headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/",                   "same-origin"),
        ("/feed.atom",          "cross-origin"),
        ("/files/facts.csv",    "same-origin"),
        ("/nowhere.png",        "same-origin"),
        ("/_allauth/x.png",     "same-origin"),
    ],
)  # fmt: skip
def test_images_and_feeds_may_be_embedded_by_other_sites(
    web: WebServer, api: Upstream, path: str, policy: str
) -> None:
    assert web.get(path).headers["cross-origin-resource-policy"] == policy


def test_members_images_may_not(web: WebServer, api: Upstream, project: Path) -> None:
    svg = next((project / "out/site/gated").rglob("*.svg"))
    path = "/" + svg.relative_to(project / "out/site/gated").as_posix()
    assert web.get(path).headers["cross-origin-resource-policy"] == "same-origin"
    public = next((project / "out/site/public/assets").glob("*.png"))
    assert web.get(f"/assets/{public.name}").headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    ("trusted", "headers", "sends_hsts"),
    [
        (True,  {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, True),
        (True,  {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"},  False),
        (True,  {"X-Forwarded-For": "203.0.113.9"},                               False),
        (False, {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, False),
        (False, {"X-Forwarded-Proto": "https"},                                   False),
    ],
)  # fmt: skip
def test_hsts_is_sent_over_tls_alone(
    web: WebServer, default_web: WebServer, trusted: bool, headers: dict[str, str], sends_hsts: bool
) -> None:
    """RFC 6797, 7.2. Only a trusted proxy can assert TLS."""
    response = (web if trusted else default_web).get("/", headers=headers)
    assert ("strict-transport-security" in response.headers) is sends_hsts


def test_a_cluster_may_add_to_the_policy(start: Start) -> None:
    with start(csp_img=" https://img.example", csp_directives="; frame-src 'self'") as web:
        policy = web.get("/").headers["content-security-policy"]
    assert (
        policy
        == SECURITY_HEADERS["Content-Security-Policy"].replace(
            "img-src 'self'", "img-src 'self' https://img.example"
        )
        + "; frame-src 'self'"
    )


def test_site_toml_may_name_hosts_of_images(project: Path, tmp_path: Path) -> None:
    """Pages show images of the hosts that [security] lists: a policy without them would block these."""
    site = tmp_path / "site"
    shutil.copytree(project, site, symlinks=True)
    text = (site / "site.toml").read_text("utf-8")
    assert "[security]\n" in text
    listed = '[security]\nimages = ["https://img.example", "https://a.example:8443"]\n'
    (site / "site.toml").write_text(text.replace("[security]\n", listed), "utf-8")
    with run_process(tmp_path, site) as web:
        policy = web.get("/").headers["content-security-policy"]
    hosts = ["https://img.example", "https://a.example:8443"]
    assert policy == security_headers(hosts)["Content-Security-Policy"]
    assert "img-src 'self' https://img.example https://a.example:8443; media-src 'self';" in policy
