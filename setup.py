"""What pyproject.toml cannot say: the packages, found by their folders, and `configs/` as one of them."""

from setuptools import find_namespace_packages, find_packages, setup

CONFIGS = "neat_deep.configs"

setup(
    packages=[
        *find_packages(include=["neat_deep*", "darts*"]),
        CONFIGS,
        *(f"{CONFIGS}.{name}" for name in find_namespace_packages("configs")),  # folders of data alone
    ]
)
