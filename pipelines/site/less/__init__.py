"""Compile a theme's LESS to CSS, and refuse what lesscpy would compile wrongly.

lesscpy is the compiler of this project, and it accepts LESS that it compiles to
something else than less.js does, without an error. The guard is the rest of this
package: it parses the LESS by a grammar of what lesscpy is known to compile right,
evaluates each declaration by itself, writes the sheet in that subset, and compares
lesscpy's output with the evaluation. Anything else is refused with file and line
(docs/decisions/0003). With ``less_compiler = "lessc"`` less.js compiles, unguarded.
"""
