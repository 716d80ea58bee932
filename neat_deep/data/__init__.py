"""Data sets: facts, three splits, and batches."""

from neat_deep.data.augmentation import Augmentation, augment
from neat_deep.data.digest import digest_examples
from neat_deep.data.images.image_split import ImageSplit
from neat_deep.data.loading import DATASETS, DataSettings, load_dataset, text_dataset
from neat_deep.data.spec import Batch, Dataset, DataSpec, Split
from neat_deep.data.splits import stratified_split, stratified_subset
from neat_deep.data.texts.text_dataset import TextParts
from neat_deep.data.texts.text_split import LabelledTexts, TextSource, TextSplit
from neat_deep.data.texts.tokens import TextSettings

__all__ = [
    "DATASETS",
    "Augmentation",
    "Batch",
    "DataSettings",
    "DataSpec",
    "Dataset",
    "ImageSplit",
    "LabelledTexts",
    "Split",
    "TextParts",
    "TextSettings",
    "TextSource",
    "TextSplit",
    "augment",
    "digest_examples",
    "load_dataset",
    "stratified_split",
    "stratified_subset",
    "text_dataset",
]
