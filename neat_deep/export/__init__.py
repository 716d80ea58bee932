"""A trained network as a file that programs without neat-deep run: bytes or token ids in, class probabilities out.

`exporting` does it; `sources` reads what is exported, `models` puts the preprocessing in front of it, `tracing` records
it, and each format has a file. What a caller must know stands in the exported file itself: `description`.
"""
