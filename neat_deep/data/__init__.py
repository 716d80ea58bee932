"""Data sets: facts, three splits, and batches."""

from neat_deep.data.augmentation import Augmentation, augment
from neat_deep.data.datasets import DATASETS, DataSettings, load_dataset
from neat_deep.data.images import ImageSplit
from neat_deep.data.spec import Batch, Dataset, DataSpec, Split
from neat_deep.data.splits import stratified_split, stratified_subset

__all__ = [
    "DATASETS",
    "Augmentation",
    "Batch",
    "DataSettings",
    "DataSpec",
    "Dataset",
    "ImageSplit",
    "Split",
    "augment",
    "load_dataset",
    "stratified_split",
    "stratified_subset",
]
