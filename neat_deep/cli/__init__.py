"""The command `neat-deep`: one file a subcommand in `commands/`, and what the subcommands and the examples share.

What a subcommand's file imports at its top knows no torch: the work is imported when the subcommand runs, so that help
and mistyped options are answered at once.
"""
