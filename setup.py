"""What pyproject.toml cannot say: the packages, found by their folders, and `configs/` as one of them.

Folders of data alone are packages too: setuptools warns, at length, of those that are left out.
"""

from setuptools import find_namespace_packages, find_packages, setup

CONFIGS = "neat_deep.configs"

setup(
    packages=[
        *find_packages(include=["neat_deep*", "darts*"]),
        *find_namespace_packages(include=["neat_deep.*.assets*"]),
        CONFIGS,
        *(f"{CONFIGS}.{name}" for name in find_namespace_packages("configs")),
    ]
)
