"""What pyproject.toml cannot say: the packages, found by their folders, and `configs/` as one of them."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["neat_deep*", "darts*"]), "neat_deep.configs"])
