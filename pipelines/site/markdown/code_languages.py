"""Names of languages that GitHub (Linguist) or other highlighters know and Pygments does not.

Each maps to the nearest lexer of Pygments, or to no highlighting. Data. No
reads, no writes, no network.
"""

from __future__ import annotations

_NEAREST = {
    "antlr": "antlr4",
    "bash": "ash dash elvish nu nushell xonsh",
    "batch": "batchfile cmd dos",
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
    "groff": "man-page manpage mdoc roff troff",
    "groovy": "gradle",
    "haskell": "purescript",
    "html": "angular component-html htm xhtml astro svelte html5",
    "html+django": "blade ejs ftl go-html-template gohtml gotemplate go-text-template hbs helm j2 jinja2"
    " mustache razor cshtml tmpl freemarker njk nunjucks",
    "http": "http-request https",
    "ini": "conf dotenv editorconfig env gitattributes gitconfig hosts ini-file service ssh-config sshconfig",
    "apacheconf": "htaccess",
    "nginx": "caddy caddyfile",
    "javascript": "cjs mjs node",
    "json": "arm csl-json geojson json-with-comments jsonc jsonl ndjson",
    "kotlin": "kt kts",
    "clojure": "edn",
    "properties": "java-properties",
    "scala": "sbt",
    "coq": "rocq rocq-prover",
    "wast": "webassembly",
    "pot": "gettext-catalog",
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
    "sql": "apex hiveql plsql soql sqlpl",
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
# The other names of languages in github-linguist/linguist, lib/linguist/languages.yml: no lexer is near.
_LINGUIST = frozenset(
    """
    1c-enterprise 2-dimensional-array 4d abap-cds abuild acfm ackrc adb adblock adblock-filter-list
    adobe-font-metrics advpl afdko ags ags-script aidl aiken al aleo algol alpine-abuild altium
    altium-designer amfm amusewiki angelscript answer-set-programming ant-build-system antlers
    api-blueprint apkbuild apollo-guidance-computer apples arc asl asn.1 asp asp.net aspx ats ats2 au3
    autoconf autoit3 autoitscript avro-idl b-(formal-method) b4x ballerina baml beef bh bibtex-style
    bikeshed bird bird2 bird3 bison bitbake blitz3d blitzplus blp bluespec bluespec-bh brighterscript
    brightscript browserslist bru bsv buildstream byond c++-objdump c2hs c2hs-haskell c3 cabal
    cabal-config cadence cairo-zero cake cakescript cameligo cangjie cap'n-proto cap-cds carto cartocss
    cask cds cfml charity checksum checksums chuck cil circom clarion clarity classic-asp click clips
    closure-templates cloud-firestore-security-rules clue coccinelle codeowners coldfusion coldfusion-cfc
    collada commit common-workflow-language component-pascal conll conll-u conll-x cooklang cool cperl cql
    creole cson cue-sheet curl-config curlrc curry cweb cwl cycript cylc d2lang dafny darcs-patch daslang
    dataweave dcl debian-package-control-file denizenscript digital-command-language dircolors
    directx-3d-file dlang dm dns-zone dogescript dtrace dtrace-script dune e-mail eagle earthfile earthly
    eask easybuild ecere-projects eclipse ecmarkdown ecmarkup ecr edge edgeql editor-config
    edje-data-collection eex elvish-transcript emberscript envrc eq esdl euphoria f* fantom faust fb
    figfont figlet-font filebench-wml filterscript firrtl flatbuffers flex flix fluent flux formatted
    fortran-free-form fpp freebasic frege fundamental g-code game-maker-language gaml gams
    gcc-machine-description gdb gdshader gedcom gemfile.lock gemini gemtext genero-4gl genero-per genie
    gentoo-ebuild gentoo-eclass gerber-image gf git-attributes git-commit git-config git-ignore
    git-revision-list gitmodules gjs glimmer-js glimmer-ts glyph glyph-bitmap-distribution-format gn gno
    gnolang go-checksums go-module go-template go-workspace go.sum go.work go.work.sum godot-resource
    gotmpl grace gradle-kotlin-dsl grammatical-framework graph-modeling-language graphviz-(dot)
    groovy-server-pages gsc gsp gtk gtkrc gts haproxy harbour hash hashes heex help hip hocon holyc hoon
    hosts-file html+ecr html+eex html+razor htmlbars hurl hyphy ical icalendar ics ignore-list igor-pro
    ijm il-assembly ilasm imagej-macro imba imhex imhex-pattern-language imhexpatternlanguage imhexpl inc
    inform-7 ink inno-setup inputrc irc-log isabelle-root ispc jac jai jar-manifest jass jass2
    java-server-pages java-template-engine jest-snapshot jetbrains-mps jflex jison jison-lex jolie jruby
    jsoniq jte jupyter-notebook kaitai-struct kak kakounescript kakscript kcl kerboscript keyvalues
    kframework kicad-layout kicad-legacy-layout kicad-schematic kickstart kit kolmafia-ash krl ksy kvlang
    labview lambdapi langium lark latte lean-4 leex leo less-css lex lfe ligolang linear-programming
    linker-script linux-kernel-module liquidsoap litcoffee literate-coffeescript livecode-script lobster
    lolcode lookml loomscript ls ltspice-symbol m3u m4 m4sugar m68k macruby mail marko markojs
    mathematical-programming-system maven-pom max max/msp maxmsp maxscript mbox mdsvex mercury metta
    microsoft-developer-studio-project microsoft-visual-studio-solution miniyaml minizinc minizinc-data
    mint mirah mirc-script mlir modula-2 modula-3 module-management-system monkey-c moonbit motoko
    motorola-68k-assembly mps msil mtml muf mumps muse nanorc nargo nasal nasl ne-on nearley neon
    neosnippet netlinx netlinx+erb netlogo nextflow nickel ninja nl nmodl noir npm-config npmrc nu-script
    nush nushell-script nvim nwscript oasv2 oasv2-json oasv2-yaml oasv3 oasv3-json oasv3-yaml oberon
    object-data-instance-notation objectscript odin-lang odinlang omgrofl omnet++-msg omnet++-ned
    omnetpp-msg omnetpp-ned oncrpc opal open-policy-agent openapi-specification-v2
    openapi-specification-v3 openedge-abl openqasm openrc-runscript openstep-property-list opentofu
    opentype-feature-file option-list opts opy osascript overpassql overpy ox oxygene oz p4 pact pandoc
    papyrus parrot parrot-assembly parrot-internal-representation pasm pcbnew pep8 perl-6 pic pickle
    picolisp piglatin pikchr pip-requirements pir pkg-config pkgconf pod pod-6 pogoscript polar pov-ray
    pov-ray-sdl povray power-query powerbuilder powerquery pro*c processing proguard propeller-spin
    protocol-buffer protocol-buffer-text-format public-key pure-data purebasic pyret python-traceback q#
    qb qb64 qmake qsharp qt-script quake quakec quickbasic quint raml rascal rascript raw-token-data rbs
    rbx rdoc readline readline-config realbasic reasonligo record-jar redirect-rules redirects redscript
    regexp regular-expression ren'py renderscript renpy rez rich-text-format ring riot rmarkdown robots
    robots-exclusion-rules robotx.txt roc roff-manpage ros-interface rosmsg rouge routeros-script rpc
    rpcgen rpgle rpm-spec rs-274x runoff rusthon sail saltstack saltstate sarif scenic sdc self
    selinux-policy sepolicy sfv shaderlab shell-script shellcheck-config shellcheckrc
    simple-file-verification slang slice slint smpl snakefile snakemake snipmate snippet sourcemod
    sourcepawn soy specfile spicedb-schema spline-font-database sqf sqlrpgle squirrel srecode-template
    ssh_config sshd_config sshdconfig standard-ml star stla ston stringtemplate subrip-text sugarss sum
    sums surql surrealql survex-data sway sweave talon tape templ terra terraform-template texinfo
    textgrid textmate-properties ti-program tl tl-verilog tla tm-properties tmdl toit tolk tor-config
    torrc tree-sitter-query tsp tsplib-data tsq turing txl type-language typescriptreact typespec ultisnip
    ultisnips unified-parallel-c unity3d-asset unix-assembly uno unrealscript untyped-plutus-core ur
    ur/web urweb valve-data-format vb6 vcard vdf velocity-template-language vento verse vhs vim-help-file
    vim-script vim-snippet vimhelp visual-basic-.net visual-basic-6.0 volt vtt wavefront-material
    wavefront-object wdl web-ontology-language webassembly-interface-type webvtt wget-config wgetrc
    win32-message-file windows-registry-entries wisp wit witcher-script wl wolfram wolfram-language wollok
    world-of-warcraft-addon-data wrenlang wsdl x-bitmap x-font-directory-index x-pixmap xbm xc xcompose
    xdc xdr xmake xml-property-list xojo xpages xpm xproc xs xsd yacc yas yasnippet zap zenscript zil
    zimpl zmodel
    """.split()
)
_ALIASES = {name: lexer for lexer, names in _NEAREST.items() for name in names.split()}


def lexer_name(language: str) -> str:
    """Return the name under which Pygments may know *language*, which may be a file name."""
    name = language.lower().rpartition(".")[2] or language
    return _ALIASES.get(language.lower()) or _ALIASES.get(
        name, language if language.startswith("vb.") else name
    )


def is_plain(language: str) -> bool:
    """Return whether *language* is shown without colours."""
    return language.lower() in PLAIN or language.lower() in _LINGUIST
