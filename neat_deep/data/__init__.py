"""Data sets: facts, three splits, and batches.

`registry` and `settings` need no torch; `loading` makes a data set of what a reader returns.
"""

from typing import TYPE_CHECKING

from neat_deep.base.lazy import lazy_names

if TYPE_CHECKING:
    from neat_deep.data.augmentation import Augmentation as Augmentation
    from neat_deep.data.augmentation import augment as augment
    from neat_deep.data.digest import digest_examples as digest_examples
    from neat_deep.data.images.image_split import ImageSource as ImageSource
    from neat_deep.data.images.image_split import ImageSplit as ImageSplit
    from neat_deep.data.images.image_split import LabelledImages as LabelledImages
    from neat_deep.data.loading import image_dataset as image_dataset
    from neat_deep.data.loading import load_dataset as load_dataset
    from neat_deep.data.loading import text_dataset as text_dataset
    from neat_deep.data.registry import DATASETS as DATASETS
    from neat_deep.data.registry import IN_MEMORY as IN_MEMORY
    from neat_deep.data.registry import DatasetInfo as DatasetInfo
    from neat_deep.data.registry import register_dataset as register_dataset
    from neat_deep.data.settings import DataSettings as DataSettings
    from neat_deep.data.settings import TextSettings as TextSettings
    from neat_deep.data.spec import Batch as Batch
    from neat_deep.data.spec import Dataset as Dataset
    from neat_deep.data.spec import DataSpec as DataSpec
    from neat_deep.data.spec import Split as Split
    from neat_deep.data.spec import part_of as part_of
    from neat_deep.data.splits import stratified_split as stratified_split
    from neat_deep.data.splits import stratified_subset as stratified_subset
    from neat_deep.data.texts.text_dataset import TextParts as TextParts
    from neat_deep.data.texts.text_split import LabelledTexts as LabelledTexts
    from neat_deep.data.texts.text_split import TextSource as TextSource
    from neat_deep.data.texts.text_split import TextSplit as TextSplit
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "neat_deep.data.augmentation": "Augmentation augment",
            "neat_deep.data.digest": "digest_examples",
            "neat_deep.data.images.image_split": "ImageSource ImageSplit LabelledImages",
            "neat_deep.data.loading": "image_dataset load_dataset text_dataset",
            "neat_deep.data.registry": "DATASETS IN_MEMORY DatasetInfo register_dataset",
            "neat_deep.data.settings": "DataSettings TextSettings",
            "neat_deep.data.spec": "Batch Dataset DataSpec Split part_of",
            "neat_deep.data.splits": "stratified_split stratified_subset",
            "neat_deep.data.texts.text_dataset": "TextParts",
            "neat_deep.data.texts.text_split": "LabelledTexts TextSource TextSplit",
        },
    )
