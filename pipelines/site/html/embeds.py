"""Replace what a page must not load: frames, and images of other hosts; show films and sounds.

No page view contacts another host, so that a frame and an image of one become
links. The Content-Security-Policy names the exceptions, the image hosts of
site.toml. Functions of trees. No reads, no writes, no network.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.site.html.allowlist import has_origin, normalize_url, split_url
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.markdown.positions import SPAN_ATTRIBUTE

VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".webm", ".ogv", ".mov"))
AUDIO_SUFFIXES = frozenset((".mp3", ".m4a", ".ogg", ".oga", ".opus", ".wav", ".flac", ".aac"))
_NONE: frozenset[str] = frozenset()
# Elements that contain blocks: a link there needs a paragraph.
_FLOW_PARENTS = frozenset("div section article figure blockquote main aside details td th li dd".split())


def replace_frames(tree: LexborHTMLParser, report: FaultReport, hosts: frozenset[str], label: str) -> None:
    """Replace each ``<iframe src>`` by a link; without a finding if it has a title, and *hosts* its origin.

    *label* is the text before the host, as in "Content of": the link says what it
    leads to, and where.
    """
    for node in tree.css("iframe[src]"):
        url = normalize_url(node.attributes.get("src") or "")
        parts = split_url(url)
        if "<" in node.text() or (parts.netloc and parts.scheme not in ("", "http", "https")):
            continue  # an unclosed one has swallowed the text after it; the sanitizer refuses both
        if not has_origin(url, hosts):
            text = f"shows {parts.netloc or url} in an <iframe>, which was replaced by a link"
            fix = "write a link"
            if parts.netloc:
                fix += f', or list "https://{parts.netloc}" in frames of [security] in site.toml'
            report.add_fault("external-frame", text, fix, node, "<iframe", url)
        title = " ".join((node.attributes.get("title") or "").split())
        if not title and has_origin(url, hosts):
            text = f"shows {parts.netloc} in an <iframe> without a title: its link names the host only"
            report.add_fault("frame-title", text, 'write title="what it shows"', node, "<iframe", url)
        where = f"{label} {_host(parts)}" if parts.netloc else title or url
        text = f"{where}: {title}" if title and parts.netloc else where
        link = _link(tree, url, text, node)
        if node.parent is None or node.parent.tag in _FLOW_PARENTS:
            paragraph = tree.create_node("p")
            paragraph.insert_child(link)
            link = paragraph
        node.replace_with(link)


def replace_external_images(tree: LexborHTMLParser, report: FaultReport, hosts: frozenset[str]) -> None:
    """Replace images, films and sounds of hosts that *hosts* does not list by links with their texts."""
    for node in tree.css("source"):
        candidates = [node.attributes.get("src") or "", *_candidates(node.attributes.get("srcset") or "")]
        allowed = hosts if node.parent is not None and node.parent.tag == "picture" else _NONE
        outside = [url for url in map(normalize_url, candidates) if _is_external(url, allowed)]
        media = node.parent
        if (
            outside
            and media is not None
            and media.tag in ("video", "audio")
            and len(media.css("source")) == 1
        ):
            media.attrs["src"] = media.attributes.get("src") or outside[0]  # the last loop replaces it
        elif outside:
            _report(report, node, outside[0], "removed")
        if outside:
            node.decompose()
    for node in tree.css("[srcset], [poster]"):
        for name in ("srcset", "poster"):
            outside = [
                url for url in _candidates(node.attributes.get(name) or "") if _is_external(url, hosts)
            ]
            if outside:
                _report(report, node, outside[0], "removed")
                del node.attrs[name]
    for node in tree.css("img[src], video[src], audio[src]"):
        url = normalize_url(node.attributes.get("src") or "")
        if _is_external(url, hosts if node.tag == "img" else _NONE):
            _report(report, node, url, "replaced by a link")
            whole = node.parent if node.parent is not None and node.parent.tag == "picture" else node
            _replace_by_link(tree, whole, url, _text_of(node, url))


def show_media(tree: LexborHTMLParser) -> None:
    """Turn images whose file is a film or a sound into players, with the alternative text as label."""
    for node in tree.css("img[src]"):
        suffix = PurePosixPath(unquote(split_url(node.attributes.get("src") or "").path)).suffix.lower()
        if suffix not in VIDEO_SUFFIXES | AUDIO_SUFFIXES:
            continue
        player = tree.create_node("video" if suffix in VIDEO_SUFFIXES else "audio")
        player.attrs["controls"] = ""
        player.attrs["preload"] = "metadata"
        for name, value in node.attributes.items():
            if name == "alt":
                if value:
                    player.attrs["aria-label"] = value
            elif name not in ("loading", "decoding", "srcset", "sizes") and not (
                player.tag == "audio" and name in ("width", "height")
            ):
                player.attrs[name] = value or ""
        node.replace_with(player)


def _replace_by_link(tree: LexborHTMLParser, node: LexborNode, url: str, text: str) -> None:
    up = node.parent
    while up is not None and up.tag != "a":
        up = up.parent
    if up is not None:  # a link in a link: the outer one leads where the author wanted
        node.replace_with(text)
        return
    link = _link(tree, url, text, node)
    if title := node.attributes.get("title"):
        link.attrs["title"] = title
    node.replace_with(link)


def _link(tree: LexborHTMLParser, url: str, text: str, node: LexborNode) -> LexborNode:
    link = tree.create_node("a")
    link.attrs["href"] = url
    link.insert_child(text)
    if span := node.attributes.get(SPAN_ATTRIBUTE):
        link.attrs[SPAN_ATTRIBUTE] = span
    return link


def _text_of(node: LexborNode, url: str) -> str:
    names = (node.attributes.get(name) for name in ("alt", "aria-label", "title"))
    text = next((name.strip() for name in names if name and name.strip()), "")
    parts = split_url(url)
    return text or f"{_host(parts)}/{PurePosixPath(unquote(parts.path)).name}".rstrip("/")


def _report(report: FaultReport, node: LexborNode, url: str, done: str) -> None:
    host = split_url(url).netloc
    what = "an image" if node.tag in ("img", "source") else f"a <{node.tag}>"
    fix = "copy the file into content/"
    if node.tag in ("img", "source"):
        fix += f', or list "https://{host}" in images of [security] in site.toml'
    report.add_fault("external-image", f"shows {what} of {host}, which was {done}", fix, node, url)


def _candidates(srcset: str) -> list[str]:
    return [normalize_url(one.split()[0]) for one in srcset.split(",") if one.strip()]


def _host(parts: SplitResult) -> str:
    return parts.netloc.lower().removeprefix("www.")


def _is_external(url: str, hosts: frozenset[str]) -> bool:
    parts = split_url(url)
    return bool(parts.netloc) and parts.scheme in ("", "http", "https") and not has_origin(url, hosts)
