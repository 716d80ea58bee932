"""The quick scale: digits and data that the program makes, minutes on two cores."""

from __future__ import annotations

from neat_deep.cli.published.scale import DataPart, Domain, Scale, Settings

_SHORT_TEXTS = {
    "Data.dataset": "tsv",
    "Data.validation": "0.25",
    "Data.text_own_validation": "True",
    "Data.text_min_count": "1",
    "Network.channels": "32",
    "Network.dropout": "0.2",
    "Network.embedding_dropout": "0.2",
    "Training.epochs": "10",
    "Training.batch_size": "32",
    "Training.learning_rate": "0.01",
    "Training.ema": "0",
}
QUICK = Scale(
    "quick",
    "digits and made data, minutes",
    (
        Domain(
            "images",
            "resnet_block",
            DataPart(
                "digits",
                "digits",
                Settings(
                    "digits_neat.ini",
                    {
                        "Network.channels": "12",
                        "Training.epochs": "12",
                        "Fitness.epochs": "4",
                        "NEAT.pop_size": "10",
                        "Run.generations": "6",
                    },
                ),
                Settings(
                    "digits_darts.ini",
                    {
                        "Network.channels": "12",
                        "Network.cells": "3",
                        "Network.reduce_after": "1 2",
                        "Darts.channels": "8",
                        "Darts.nodes": "3",
                        "Darts.epochs": "6",
                        "Darts.weight_epochs": "2",
                        "Darts.train_subset": "500",
                    },
                ),
            ),
            DataPart(
                "shapes",
                "made shapes",
                Settings(
                    "digits_neat.ini",
                    {
                        "Data.dataset": "image_folder",
                        "Data.image_size": "16",
                        "Network.channels": "12",
                        "Training.epochs": "12",
                    },
                ),
                made=True,
            ),
        ),
        Domain(
            "texts",
            "transformer_block",
            DataPart(
                "sentences",
                "made sentences",
                Settings(
                    "sst2_neat.ini",
                    {
                        **_SHORT_TEXTS,
                        "Fitness.epochs": "4",
                        "Fitness.batch_size": "32",
                        "Fitness.learning_rate": "0.01",
                        "Fitness.ema": "0",
                        "CellGenome.max_nodes": "6",
                        "NEAT.pop_size": "10",
                        "Run.generations": "6",
                    },
                ),
                Settings(
                    "sst2_darts.ini",
                    {
                        **_SHORT_TEXTS,
                        "Darts.channels": "16",
                        "Darts.epochs": "6",
                        "Darts.weight_epochs": "2",
                        "Darts.batch_size": "32",
                        "Darts.learning_rate": "0.01",
                    },
                ),
                made=True,
            ),
            DataPart("reviews", "made reviews", Settings("sst2_neat.ini", _SHORT_TEXTS), made=True),
        ),
    ),
    trainings=3,
    transfers=2,
    voters=3,
)
