"""The subcommands of `neat-deep`, one file each; a file that is put here is found without being listed anywhere."""
