"""The documentation site: hand-written pages of `docs/`, and pages that are made from the program itself.

`python -m website.build`, or `make docs`, builds it. `assemble` gathers the pages, `ini_keys`, `space_pictures` and
`api_pages` make what the program tells, `links` checks what was built. Nothing of it is part of the package.
"""
