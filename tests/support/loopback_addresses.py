"""What the addresses of one small site mean: for the preview and for the web image alike.

The site is that of tests/support/previews.py, without its drafts; nobody is logged in.
"""

from __future__ import annotations

# Pages that have these addresses, besides those of tests/support/previews.py.
MORE = {
    "content/pages/green.md": "---\ntitle: Green\naliases: [/alt/weg, /früher/]\n---\nText.\n",
    "content/extra/grün/index.html": (
        "<!doctype html><html lang=de><meta charset=utf-8><title>Grün</title><main><h1>Grün</h1></main>\n"
    ),
}

HTML = "text/html; charset=utf-8"

# path, status, media type
ANSWERS = [
    ("/",                            200, HTML),
    ("/posts/one/",                  200, HTML),
    ("//posts///one/",               200, HTML),
    ("/%70osts/one/",                200, HTML),
    ("/account/login/",              200, HTML),
    ("/feed.atom",                   200, "application/atom+xml; charset=utf-8"),
    ("/sitemap.xml",                 200, "application/xml; charset=utf-8"),
    ("/robots.txt",                  200, "text/plain; charset=utf-8"),
    ("/.well-known/security.txt",    200, "text/plain; charset=utf-8"),
    ("/humans.txt",                  200, "text/plain; charset=utf-8"),
    ("/files/facts.csv",             200, "text/csv; charset=utf-8"),
    ("/nowhere/",                    404, HTML),
    ("/nowhere",                     404, HTML),
    ("/files/",                      404, HTML),  # a folder is not listed
    ("/files",                       404, HTML),
    ("/feed.atom/",                  404, HTML),
    ("/posts/one/x",                 404, HTML),
    ("/Posts/one/",                  404, HTML),
    ("/404.html",                    404, HTML),  # it is shown, and has no address
    ("/503.html",                    404, HTML),
    ("/posts/one/index.html.gz",     404, HTML),
    ("/assets/none.12345678.css",    404, HTML),
    ("/" + "x" * 300,                404, HTML),
    ("/_gate",                       404, HTML),
]  # fmt: skip

# The same with no API behind: the site goes on, and the login says that it does not.
WITHOUT_API = [
    ("/admin/",                      503, HTML),
    ("/accounts/oidc/x/callback/",   503, HTML),
    ("/_allauth/browser/v1/config",  503, HTML),
]  # fmt: skip

# path, where it leads
MOVED = [
    ("/posts/one",              "/posts/one/"),
    ("/posts/one?a=b&c",        "/posts/one/?a=b&c"),
    ("/posts/one/index.html",   "/posts/one/"),
    ("/index.html",             "/"),
    ("//posts//one",            "/posts/one/"),
    ("//posts/one/index.html",  "/posts/one/"),
    ("/old/",                   "/posts/one/"),
    ("/old",                    "/posts/one/"),
    ("/OLD",                    "/posts/one/"),  # a map of NGINX does not mind the case
    ("/old?a=b",                "/posts/one/?a=b"),
    ("/account/login/index.html", "/account/login/"),
    ("/gr%C3%BCn",              "/gr%C3%BCn/"),
    ("/gr%c3%bcn/index.html",   "/gr%C3%BCn/"),
    ("/alt/weg",                "/green/"),
    ("/fr%C3%BCher/",           "/green/"),
]  # fmt: skip

# What nobody may do with a page, and the answer.
REFUSED = ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW")
