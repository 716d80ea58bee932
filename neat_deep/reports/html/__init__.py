"""A run, or a comparison of runs, as one HTML page that needs nothing else: no server, no network.

`content` says what a page is made of. A reader turns a run's folder into a `RunReport`: `store_run` does so for runs
with a run store, and a package with runs of its own brings its own. `comparison` makes one page of several. `page`
writes it, with the charts' library inside.
"""
