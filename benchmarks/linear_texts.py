"""A linear model of words and pairs of words on the text data sets: what our networks for texts are held against.

    python benchmarks/linear_texts.py --data sst2|phrases|imdb [--data-root data] [--json]

scikit-learn's logistic regression on weighted counts of single words and pairs (tf-idf, sublinear, of words that stand
in two texts or more), as a user of scikit-learn would write it. How strongly it is held to small weights (C) is chosen
on texts that validate: those of the data set, or a tenth of the training texts, where it has none. Then it is fitted to
all of them, and the test part is read once. `phrases` is SST-2 with its phrases, whose folder is GLUE's copy with
labels for the test part. Seconds are the processor's: of the choice, and of the last fit with its test.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline

from neat_deep.base.errors import DataError
from neat_deep.cli.running import run_script
from neat_deep.data import DataSettings
from neat_deep.data.registry import DATASETS
from neat_deep.data.settings import TextSettings
from neat_deep.data.texts.text_split import LabelledTexts, TextSource

TASKS = {
    "sst2": ("sst2", TextSettings()),
    "phrases": ("sst2", TextSettings(phrases=True)),
    "imdb": ("imdb", TextSettings()),
}
STRENGTHS = (1.0, 3.0, 10.0, 30.0)

Texts = tuple[list[str], np.ndarray]


def main(arguments: Sequence[str] | None) -> None:
    """Choose, fit, test, print."""
    options = _parse(arguments)
    name, text = TASKS[options.data]
    source: TextSource = DATASETS.load(name)(DataSettings(name, options.data_root, text=text))
    if source.test is None:
        raise DataError(f"{options.data_root}: '{name}' has no test part there")
    (train, train_labels), (validation, validation_labels) = _parts(source)
    started = time.process_time()
    scores = {
        strength: model(strength).fit(train, train_labels).score(validation, validation_labels)
        for strength in STRENGTHS
    }
    chosen = max(STRENGTHS, key=lambda strength: scores[strength])
    choice_seconds = time.process_time() - started
    started = time.process_time()
    fitted = model(chosen).fit([*train, *validation], np.concatenate([train_labels, validation_labels]))
    accuracy = fitted.score(*_texts(source.test))
    seconds = time.process_time() - started
    figures = {
        "data": options.data,
        "strength": chosen,
        "validation": scores[chosen],
        "test": accuracy,
        "choice_seconds": choice_seconds,
        "seconds": seconds,
        "weights": len(fitted[0].vocabulary_),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    table = Table(title=f"logistic regression on {options.data}", title_justify="left", show_header=False)
    table.add_row("C, of 1, 3, 10 and 30", f"{chosen:g}")
    table.add_row("validation accuracy", f"{100 * scores[chosen]:.2f}%")
    table.add_row("test accuracy", f"{100 * accuracy:.2f}%")
    table.add_row("words and pairs", f"{figures['weights']:,}")
    table.add_row("seconds of the choice, of the last fit and test", f"{choice_seconds:.1f}, {seconds:.1f}")
    Console().print(table)
    if options.json:
        print(json.dumps(figures))


def model(strength: float) -> Pipeline:
    """The whole model; `strength` is scikit-learn's C."""
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+|[^\w\s]")
    return make_pipeline(counts, LogisticRegression(C=strength, max_iter=1000))


def _parts(source: TextSource) -> tuple[Texts, Texts]:
    """What trains and what validates."""
    texts, labels = _texts(source.train)
    if source.validation is not None:
        return (texts, labels), _texts(source.validation)
    train, validation, train_labels, validation_labels = train_test_split(
        texts, labels, test_size=0.1, random_state=0, stratify=labels
    )
    return (train, train_labels), (validation, validation_labels)


def _texts(texts: LabelledTexts) -> Texts:
    return list(texts.texts), texts.labels.numpy()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=tuple(TASKS), default="sst2", help="default: %(default)s")
    parser.add_argument("--data-root", default="data", help="folder that holds the data set (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON, last")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_script(main)
