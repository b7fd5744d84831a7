"""Names of languages that GitHub (Linguist) or other highlighters know and Pygments does not.

Each maps to the nearest lexer of Pygments, or to no highlighting. Data. No
reads, no writes, no network.
"""

from __future__ import annotations

_NEAREST = {
    "antlr": "antlr4",
    "bash": "ash dash elvish nu nushell xonsh",
    "batch": "cmd dos",
    "bazel": "bzl",
    "c": "h opencl",
    "console": "bash-session cli console-session sh-session shell-session shellsession terminal",
    "cpp": "cc hpp metal",
    "css": "postcss",
    "diff": "patch",
    "docker": "containerfile",
    "fsharp": "fs",
    "gherkin": "feature",
    "go": "gomod go.mod",
    "graphql": "gql",
    "groovy": "gradle",
    "haskell": "purescript",
    "html": "angular component-html htm xhtml astro svelte",
    "html+django": "blade ejs ftl go-html-template gohtml gotemplate go-text-template hbs helm j2 jinja2"
    " mustache razor cshtml tmpl freemarker",
    "http": "http-request https",
    "ini": "conf dotenv editorconfig env gitattributes gitconfig hosts ini-file service ssh-config sshconfig",
    "apacheconf": "htaccess",
    "nginx": "caddy caddyfile",
    "javascript": "cjs mjs node",
    "json": "arm csl-json geojson json-with-comments jsonc jsonl ndjson",
    "kotlin": "kt kts",
    "clojure": "edn",
    "lisp": "el smt smtlib",
    "make": "just justfile mk",
    "markdown": "mdx",
    "mysql": "sqlite",
    "ocaml": "ml reason rescript",
    "php": "hack",
    "postgresql": "pgsql plpgsql",
    "powershell": "powershell-session",
    "pycon": "ipython python-repl",
    "pytb": "traceback",
    "r": "rscript",
    "ruby": "rake",
    "rust": "cairo move ron",
    "solidity": "sol yul",
    "sql": "apex soql",
    "terraform": "bicep tfvars",
    "typescript": "cts mts ts-node",
    "systemverilog": "hdl",
    "vb.net": "vb vba",
    "velocity": "vtl",
    "vim": "viml vimscript",
    "nasm": "assembly",
    "v": "vlang",
    "xml": "atom bpmn plist rss svg xpath xsl",
    "yaml": "yml",
    "scss": "styl stylus",
    "robotframework": "robot",
    "typst": "typ",
    "turtle": "n3",
    "qml": "qt",
}
# Shown as written, without a finding. html/postprocess.py renders "plantuml", the converter "math".
PLAIN = frozenset(
    """
    adoc algorithm ascii asciidoc cron crontab csv d2 diagram dockerignore error excalidraw file-tree files
    flowchart geogebra gitignore ignore jq kdl ledger log logs logql mediawiki mermaid none nohighlight
    output plain plaintext prisma pseudo pseudocode raw redis regex requirements robots.txt stacktrace stdout
    snap stderr stl text textile topojson tree tsv txt wasm wavedrom wiki zed dhall pkl cue abc music katex
    """.split()
) | {""}
_ALIASES = {name: lexer for lexer, names in _NEAREST.items() for name in names.split()}


def lexer_name(language: str) -> str:
    """Return the name under which Pygments may know *language*, which may be a file name."""
    name = language.lower().rpartition(".")[2] or language
    return _ALIASES.get(language.lower()) or _ALIASES.get(
        name, language if language.startswith("vb.") else name
    )


def is_plain(language: str) -> bool:
    """Return whether *language* is shown without colours."""
    return language.lower() in PLAIN
