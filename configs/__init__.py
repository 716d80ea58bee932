"""The INI files and architectures that are shipped; installed, this folder is the package `neat_deep.configs`."""
