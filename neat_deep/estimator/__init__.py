"""The search as a scikit-learn classifier: `fit` searches and trains, `predict` uses the network that was found.

`examples` reads what `fit` and `predict` are given, `settings` makes an experiment for it, `running` runs that, and
`classifier` is the face that scikit-learn knows.
"""
