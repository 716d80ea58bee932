"""The scales on real data: cut to an hour of two cores, and the shipped experiments in full."""

from __future__ import annotations

from neat_deep.cli.published.scale import DataPart, Domain, Scale, Settings

HOUR = Scale(
    "hour",
    "MNIST, SST-2, CIFAR-10 and IMDb, cut to an hour of two cores",
    (
        Domain(
            "images",
            "resnet_block",
            DataPart(
                "mnist",
                "MNIST",
                Settings(
                    "mnist_neat.ini",
                    {
                        "Data.train_limit": "20000",
                        "Network.channels": "16",
                        "Training.epochs": "5",
                        "Fitness.train_subset": "4000",
                        "Fitness.validation_subset": "2000",
                        "Fitness.channels": "12",
                        "NEAT.pop_size": "12",
                        "Run.generations": "5",
                    },
                ),
                Settings(
                    "mnist_darts.ini",
                    {
                        "Data.train_limit": "20000",
                        "Network.channels": "16",
                        "Darts.nodes": "3",
                        "Darts.epochs": "8",
                        "Darts.weight_epochs": "2",
                        "Darts.train_subset": "3000",
                    },
                ),
            ),
            DataPart(
                "cifar10",
                "CIFAR-10",
                Settings(
                    "cifar10_neat.ini",
                    {"Data.train_limit": "15000", "Network.channels": "16", "Training.epochs": "8"},
                ),
            ),
        ),
        Domain(
            "texts",
            "transformer_block",
            DataPart(
                "sst2",
                "SST-2",
                Settings(
                    "sst2_neat.ini",
                    {
                        "Network.channels": "64",
                        "Training.epochs": "8",
                        "Fitness.epochs": "8",
                        "NEAT.pop_size": "10",
                        "Run.generations": "4",
                    },
                ),
                Settings(
                    "sst2_darts.ini",
                    {
                        "Network.channels": "64",
                        "Training.epochs": "8",
                        "Darts.channels": "32",
                        "Darts.epochs": "8",
                        "Darts.weight_epochs": "2",
                    },
                ),
            ),
            DataPart(
                "imdb",
                "IMDb",
                Settings(
                    "sst2_neat.ini",
                    {
                        "Data.dataset": "imdb",
                        "Data.validation": "0.1",
                        "Data.text_max_length": "200",
                        "Data.train_limit": "10000",
                        "Network.channels": "64",
                        "Training.epochs": "3",
                    },
                ),
            ),
        ),
    ),
    trainings=3,
    transfers=1,
    voters=3,
)

FULL = Scale(
    "full",
    "MNIST, SST-2, CIFAR-10 and IMDb with the shipped settings, hours",
    (
        Domain(
            "images",
            "resnet_block",
            DataPart("mnist", "MNIST", Settings("mnist_neat.ini"), Settings("mnist_darts.ini")),
            DataPart("cifar10", "CIFAR-10", Settings("cifar10_neat.ini")),
        ),
        Domain(
            "texts",
            "transformer_block",
            DataPart("sst2", "SST-2", Settings("sst2_neat.ini"), Settings("sst2_darts.ini")),
            DataPart(
                "imdb",
                "IMDb",
                # Reviews say late what they think, and large networks overfit when they are trained for longer.
                Settings(
                    "sst2_neat.ini",
                    {
                        "Data.dataset": "imdb",
                        "Data.validation": "0.1",
                        "Data.text_max_length": "800",
                        "Training.epochs": "4",
                    },
                ),
            ),
        ),
    ),
    trainings=3,
    transfers=3,
    voters=5,
)
