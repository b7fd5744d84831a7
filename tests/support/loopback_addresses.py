"""The responses to the paths of one small site, by the preview and by the web image alike.

The site is that of tests/support/previews.py, without its drafts; no user is logged in.
"""

from __future__ import annotations

import re

# Files of that site besides those of tests/support/previews.py.
MORE = {
    "content/pages/green.md": "---\ntitle: Green\naliases: [/alt/weg, /früher/]\n---\nText.\n",
    "content/posts/2019-05-01-kept.md": "---\ntitle: Kept\nurl: /2019/05/kept.html\n---\nText.\n",
    "content/pages/guide/first.md": "---\ntitle: First\nslug: v1.2\n---\nText.\n",
    "content/extra/grün/index.html": (
        "<!doctype html><html lang=de><meta charset=utf-8><title>Grün</title><main><h1>Grün</h1></main>\n"
    ),
}

HTML = "text/html; charset=utf-8"

# path, status, media type
RESPONSES = [
    ("/",                            200, HTML),
    ("/posts/one/",                  200, HTML),
    ("//posts///one/",               200, HTML),
    ("/%70osts/one/",                200, HTML),
    ("/account/login/",              200, HTML),
    ("/feed.atom",                   200, "application/atom+xml; charset=utf-8"),
    ("/sitemap.xml",                 200, "application/xml; charset=utf-8"),
    ("/robots.txt",                  200, "text/plain; charset=utf-8"),
    ("/.well-known/security.txt",    200, "text/plain; charset=utf-8"),
    ("/2019/05/kept.html",           200, HTML),  # a page with an address of an old site
    ("/2019/05/kept.html/",          404, HTML),
    ("/2019/05/kept",                404, HTML),
    ("/2019/05/",                    404, HTML),
    ("/guide/v1.2/",                 200, HTML),
    ("/guide/",                      404, HTML),
    ("/humans.txt",                  200, "text/plain; charset=utf-8"),
    ("/files/facts.csv",             200, "text/csv; charset=utf-8"),
    ("/nowhere/",                    404, HTML),
    ("/nowhere",                     404, HTML),
    ("/files/",                      404, HTML),  # a directory is not listed
    ("/files",                       404, HTML),
    ("/feed.atom/",                  404, HTML),
    ("/posts/one/x",                 404, HTML),
    ("/Posts/one/",                  404, HTML),
    ("/404.html",                    404, HTML),  # an error page has no URL
    ("/503.html",                    404, HTML),
    ("/posts/one/index.html.gz",     404, HTML),
    ("/assets/none.12345678.css",    404, HTML),
    ("/" + "x" * 300,                404, HTML),
    ("/_gate",                       404, HTML),
]  # fmt: skip

# Without an API: the site is served, and the login responds with 503.
WITHOUT_API = [
    ("/admin/",                      503, HTML),
    ("/accounts/oidc/x/callback/",   503, HTML),
    ("/_allauth/browser/v1/config",  503, HTML),
]  # fmt: skip

# path, Location
REDIRECTS = [
    ("/posts/one",              "/posts/one/"),
    ("/posts/one?a=b&c",        "/posts/one/?a=b&c"),
    ("/posts/one/index.html",   "/posts/one/"),
    ("/index.html",             "/"),
    ("//posts//one",            "/posts/one/"),
    ("//posts/one/index.html",  "/posts/one/"),
    ("/old/",                   "/posts/one/"),
    ("/old",                    "/posts/one/"),
    ("/OLD",                    "/posts/one/"),  # a map of NGINX ignores case
    ("/old?a=b",                "/posts/one/?a=b"),
    ("/account/login/index.html", "/account/login/"),
    ("/gr%C3%BCn",              "/gr%C3%BCn/"),
    ("/gr%c3%bcn/index.html",   "/gr%C3%BCn/"),
    ("/alt/weg",                "/green/"),
    ("/guide/v1.2",             "/guide/v1.2/"),
    ("/guide/v1.2/index.html",  "/guide/v1.2/"),
    ("/fr%C3%BCher/",           "/green/"),
]  # fmt: skip

# Range of /files/facts.csv (8 bytes), status, body (None: the server's own text), Content-Range
RANGES = [
    ("bytes=0-2",              206, b"a,b",          "bytes 0-2/8"),
    ("bytes=4-",               206, b"1,2\n",        "bytes 4-7/8"),
    ("bytes=-2",               206, b"2\n",          "bytes 6-7/8"),
    ("bytes=-99",              206, b"a,b\n1,2\n",   "bytes 0-7/8"),
    ("bytes=2-99",             206, b"b\n1,2\n",     "bytes 2-7/8"),
    ("BYTES=0-2",              206, b"a,b",          "bytes 0-2/8"),
    ("bytes=8-",               416, None,            "bytes */8"),
    ("bytes=-0",               416, None,            "bytes */8"),
    ("bytes=5-2",              416, None,            "bytes */8"),
    ("bytes=x",                416, None,            "bytes */8"),
    (f"bytes={'9' * 5000}-",   416, None,            "bytes */8"),
    ("bytes=9-,10-",           416, None,            "bytes */8"),
    ("bytes=",                 200, b"a,b\n1,2\n",   None),
    ("pages=1-2",              200, b"a,b\n1,2\n",   None),
]  # fmt: skip

# Methods that a page refuses with 405.
REFUSED_METHODS = ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW")


def ranges_of(body: bytes) -> list[tuple[str, bytes]]:
    """Return Content-Range and bytes of each part of a multipart/byteranges *body*."""
    parts = re.findall(rb"content-range: ([^\r]+)\r\n\r\n(.*?)\r\n--", body, re.IGNORECASE | re.DOTALL)
    return [(found.decode(), data) for found, data in parts]
