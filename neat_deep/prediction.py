"""What a trained network says about texts that no data set holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from neat_deep.data import DataSpec
from neat_deep.data.text_dataset import encode_texts
from neat_deep.data.texts import LabelledTexts
from neat_deep.data.tokens import TextEncoding
from neat_deep.errors import DataError
from neat_deep.network import Network
from neat_deep.retraining import load_encoding

BATCH_SIZE = 256


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of one text, and the probability that the network gives it (0..1)."""

    class_name: str
    probability: float


class TextClassifier:
    """A trained network for texts, with the tokenizer that it was trained with; called with texts."""

    def __init__(self, network: Network, spec: DataSpec, encoding: TextEncoding) -> None:
        self.network = network.eval()
        self.spec = spec
        self.encoding = encoding

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> list[Prediction]:
        """A prediction for each text, in order; raises `DataError` for a text without a token and what is no text."""
        if isinstance(texts, str):
            raise DataError("texts: got one text, allowed: a list of texts")
        for number, text in enumerate(texts, 1):
            _check_text(text, f"text {number}")
        if not texts:
            return []
        places = tuple(f"text {number}" for number in range(1, len(texts) + 1))
        unlabelled = LabelledTexts(tuple(texts), torch.zeros(len(texts), dtype=torch.long), places)
        split = encode_texts(unlabelled, self.encoding, self.spec).to(next(self.network.parameters()).device)
        order = split.lengths.cpu().argsort(stable=True)  # in which a split hands out its texts
        logits = torch.cat([self.network(*batch.arguments) for batch in split.eval_batches(BATCH_SIZE)]).float()
        best = logits.softmax(1).max(1)
        found = [Prediction("", 0.0)] * len(texts)
        for place, index, probability in zip(order.tolist(), best.indices.tolist(), best.values.tolist(), strict=True):
            found[place] = Prediction(self.spec.class_names[index], probability)
        return found


def _check_text(text: object, where: str) -> None:
    if not isinstance(text, str):
        raise DataError(f"{where}: got {type(text).__name__}, allowed: str")
    try:
        text.encode()
    except UnicodeEncodeError:  # a command line's bytes that are no UTF-8
        raise DataError(f"{where}: not UTF-8 text: {text.encode('utf-8', 'replace').decode()!r:.60}") from None


def load_text_classifier(path: Path | str) -> TextClassifier:
    """The classifier of a `trained.pt` that was trained on texts, on the CPU; raises `ArchitectureError`.

    Like `load_network` it runs no code that a file holds.
    """
    return TextClassifier(*load_encoding(path))
