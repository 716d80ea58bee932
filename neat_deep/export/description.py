"""What a caller of an exported network must know: JSON that lies inside the exported file.

In an ONNX file it is the metadata entry `neat_deep`, in torch's `.pt2` archive the extra file `neat_deep.json`:

    classes     the names of the classes, in the order of the probabilities
    input       name, type and shape of what goes in; dimensions with a name may be of any extent
    output      the same of what comes out

for images also

    channels    "grey" or "RGB", or how many there are
    resized_to  height and width of the training images: images of another size are resized to it inside

and for texts

    vocabulary  the token of each id
    padding     the id that fills up a batch after the last token of its shorter texts
    unknown     the id of every token that the vocabulary lacks
    max_length  the tokens at which texts were cut in training
    cut         which tokens of a longer text stayed: the first ("end"), or half of them the first, rounded up, and
                half the last ("middle")
    tokenizer   how a text becomes tokens: its normalisation, the pattern of a word, the vocabulary; what
                `Tokenizer.from_str` of Hugging Face's `tokenizers` reads
"""

from __future__ import annotations

import json
from typing import Any

from neat_deep.export.models import OUTPUT, ImageModel, Model
from neat_deep.export.sources import Source

FORMAT, VERSION = "neat-deep export", 1
COLOURS = {1: "grey", 3: "RGB"}


def describe(source: Source, model: Model) -> dict[str, Any]:
    """The description of a model, which is that of `source`."""
    example = model.examples()[0]
    fixed = example.shape[len(model.dimensions) :]
    facts = _image_facts(model) if isinstance(model, ImageModel) else _text_facts(source)
    return {
        "format": FORMAT,
        "version": VERSION,
        "classes": list(source.spec.class_names),
        "input": {
            "name": model.inputs,
            "type": str(example.dtype).removeprefix("torch."),
            "shape": [*model.dimensions, *fixed],
        },
        "output": {"name": OUTPUT, "type": "float32", "shape": [model.dimensions[0], source.spec.num_classes]},
        **facts,
    }


def as_json(description: dict[str, Any]) -> str:
    """The description as it stands in a file."""
    return json.dumps(description, ensure_ascii=False)


def _image_facts(model: ImageModel) -> dict[str, Any]:
    return {"channels": COLOURS.get(model.channels, model.channels), "resized_to": list(model.shape[1:])}


def _text_facts(source: Source) -> dict[str, Any]:
    encoding, vocabulary = source.encoding, source.vocabulary()
    assert encoding is not None
    return {
        "vocabulary": vocabulary,
        "padding": source.padding(),
        "unknown": encoding.encoder.unknown,
        "max_length": encoding.max_length,
        "cut": encoding.cut,
        "tokenizer": json.loads(encoding.encoder.to_json()),
    }
