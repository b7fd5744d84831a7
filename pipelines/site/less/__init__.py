"""Compile a theme's LESS to CSS, and refuse what lesscpy would compile wrongly.

lesscpy is the compiler of this project. It accepts LESS that it compiles to other CSS
than less.js does, without an error. The rest of this package is a guard against that:

    tokens, parser    a grammar of the LESS that lesscpy compiles correctly, into nodes
    imports, scopes   load the imports; bind variables and mixins to their definitions
    evaluation        compute the value of each declaration
    emitter           write the sheet in a minimal subset of LESS, CSS behind placeholders
    lesscpy_compiler  compile that subset
    verification      compare lesscpy's output with the evaluation, restore the CSS

Everything else is rejected with file and line (docs/decisions/0003). With
``less_compiler = "lessc"`` less.js compiles the theme, without the guard.
"""
