"""What is exported computes what `neat-deep classify` does; what it takes is told in full."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from neat_deep.base.errors import ArchitectureError, ConfigError
from neat_deep.data import TextSettings
from neat_deep.export.description import as_json, describe
from neat_deep.export.sources import Source, load_source
from neat_deep.training.prediction import load_image_classifier, load_text_classifier
from tests.support.exported_texts import token_ids
from tests.support.trained_files import GREY, IMAGES, SENTENCES, image_network, save, text_network

TEXTS = [
    *SENTENCES[:30],
    "Caf\u00e9!",
    "cafe\u0301",
    "unknown wordz",
    "GOOD film",
    " ".join(["good"] * 11 + ["bad"] * 30),
]


def source_of(path: Path) -> tuple[Source, dict[str, Any]]:
    """What is to be exported, and what a file of it would say, as a reader has it."""
    source = load_source(path)
    return source, json.loads(as_json(describe(source, source.model())))


@pytest.mark.parametrize("spec", [IMAGES, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("channels", [1, 3])
def test_decoded_images_are_classified_as_their_files(spec: Any, channels: int, tmp_path: Path) -> None:
    path = save(image_network(spec=spec), tmp_path)
    model = load_source(path).model(channels)
    classifier = load_image_classifier(path)
    rng = np.random.default_rng(0)
    mode = {1: "L", 3: "RGB"}[channels]
    for height, width in ((6, 8), (7, 7), (30, 11), (3, 90), (1, 1)):
        file = tmp_path / "image.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode).save(file)
        (expected,) = classifier([file])
        array = np.asarray(Image.open(file)).reshape(1, height, width, channels)
        probabilities = model(torch.from_numpy(array.copy()))[0]
        # One grey level of a pixel may lie between the two.
        assert float(probabilities.max()) == pytest.approx(expected.probability, abs=0.03)
        assert float(probabilities[spec.class_names.index(expected.class_name)]) >= float(probabilities.max()) - 0.03
        if (height, width) == spec.shape[1:]:
            assert float(probabilities.max()) == pytest.approx(expected.probability, abs=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        TextSettings(max_length=12, min_count=1),
        TextSettings(max_length=13, min_count=1, cut="middle", lowercase=False),
        TextSettings(max_length=12, tokens="bpe", vocabulary=60),
    ],
    ids=["word", "middle", "bpe"],
)
def test_texts_are_classified_by_what_the_description_says(settings: TextSettings, tmp_path: Path) -> None:
    path = save(text_network(settings=settings), tmp_path)
    source, facts = source_of(path)
    expected = load_text_classifier(path)(TEXTS)
    probabilities = source.model()(token_ids(TEXTS, facts))
    assert probabilities.max(1).values.tolist() == pytest.approx([one.probability for one in expected], abs=1e-5)
    names = [facts["classes"][place] for place in probabilities.argmax(1).tolist()]
    assert names == [one.class_name for one in expected]


def test_words_are_found_without_the_tokenizers_package(tmp_path: Path) -> None:
    """The description has all that the rule needs: normalisation, the pattern of a word, the vocabulary."""
    _, facts = source_of(save(text_network(), tmp_path))
    steps = [step["type"] for step in facts["tokenizer"]["normalizer"]["normalizers"]]
    assert steps == ["NFC", "Lowercase"]
    pattern = facts["tokenizer"]["pre_tokenizer"]["pattern"]["Regex"]
    numbers = {token: number for number, token in enumerate(facts["vocabulary"])}
    assert facts["unknown"] == numbers["<unk>"] and facts["padding"] == numbers["<pad>"]
    for text in TEXTS:
        words = re.findall(pattern, unicodedata.normalize("NFC", text).lower())
        found = [numbers.get(word, facts["unknown"]) for word in words][: facts["max_length"]]
        assert torch.tensor([found]).equal(token_ids([text], facts))


def test_padding_is_what_ends_a_text(tmp_path: Path) -> None:
    source, facts = source_of(save(text_network(), tmp_path))
    model, padding = source.model(), facts["padding"]
    text = [5, 3, padding, 4]  # within a text it is a token, as in one that holds the word <pad>
    alone = model(torch.tensor([text]))
    for more in (1, 2, 7):
        torch.testing.assert_close(model(torch.tensor([text + [padding] * more])), alone)
    assert (model(torch.tensor([[5, 3, 4]])) - alone).abs().max() > 1e-4
    assert model(torch.full((2, 3), padding)).isfinite().all()  # a text without a token


def test_the_description_of_images(tmp_path: Path) -> None:
    source, facts = source_of(save(image_network(), tmp_path))
    assert facts == {
        "format": "neat-deep export",
        "version": 1,
        "classes": ["cat", "dog", "Zebra \u00e9"],
        "input": {"name": "images", "type": "uint8", "shape": ["batch", "height", "width", 3]},
        "output": {"name": "probabilities", "type": "float32", "shape": ["batch", 3]},
        "channels": "RGB",
        "resized_to": [6, 8],
    }
    grey = describe(source, source.model(1))
    assert grey["input"]["shape"] == ["batch", "height", "width", 1] and grey["channels"] == "grey"


def test_images_of_other_channels_are_converted_to_nothing(tmp_path: Path) -> None:
    spec = GREY.__class__("signals", 2, 2, ("a", "b"), (2, 1, 9), (0.3, 0.3), (0.4, 0.4))
    source, facts = source_of(save(image_network(spec=spec), tmp_path))
    assert facts["channels"] == 2 and facts["input"]["shape"][3] == 2
    with pytest.raises(ConfigError, match="channels: got 3, allowed: 2"):
        source.model(3)


def test_channels_are_for_images(tmp_path: Path) -> None:
    source = load_source(save(text_network(), tmp_path))
    with pytest.raises(ConfigError, match="channels: got 1, allowed for a network for texts: none"):
        source.model(1)


def vote(folder: Path, *trained: Any) -> Path:
    """A run's vote, as `neat-deep ensemble` leaves it."""
    for number, one in enumerate(trained, 1):
        save(one, folder, f"ensemble-{number}.pt")
    (folder / "ensemble.json").write_text(json.dumps({"members": ["a"] * len(trained)}))
    return folder / "ensemble.json"


def test_a_vote_is_the_mean_of_its_networks(tmp_path: Path) -> None:
    path = vote(tmp_path, *(text_network(seed=seed) for seed in range(3)))
    tokens = torch.tensor([[3, 4, 5, 0], [4, 3, 2, 6]])
    each = [load_source(tmp_path / f"ensemble-{number}.pt").model()(tokens) for number in (1, 2, 3)]
    torch.testing.assert_close(load_source(path).model()(tokens), torch.stack(each).mean(0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "ensemble.json: members: got none, allowed: what `neat-deep ensemble` wrote"),
        ("[", "ensemble.json: not JSON"),
        ('{"members": ["a", "b", "c"]}', "ensemble-3.pt: No such file"),
    ],
)
def test_what_is_no_vote_is_refused(text: str, says: str, tmp_path: Path) -> None:
    path = vote(tmp_path, image_network(), image_network(seed=1))
    path.write_text(text)
    with pytest.raises(ArchitectureError, match=re.escape(says)):
        load_source(path)


def test_a_vote_of_networks_for_different_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match="its networks were trained on different data"):
        load_source(vote(tmp_path, image_network(), image_network(spec=GREY)))
