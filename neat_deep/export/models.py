"""What is exported: a network with its preprocessing before it and its softmax behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neat_deep.data import DataSpec
from neat_deep.export.resizing import change_channels, resize
from neat_deep.networks.network import Network

OUTPUT = "probabilities"  # what comes out is called
LONGEST_EXAMPLE = 32  # tokens


class Model(nn.Module, ABC):
    """One tensor in, class probabilities (B, classes) out.

    The first dimensions of `inputs`, which is what goes in is called, may have any extent, and are called `dimensions`.
    """

    inputs: str
    dimensions: tuple[str, ...]

    @abstractmethod
    def examples(self) -> list[Tensor]:
        """Inputs of several extents, always the same; those of the first are 2 or more."""


class ImageModel(Model):
    """uint8 images (B, height, width, `channels`) of any one size to class probabilities.

    They become grey or RGB, as the network's training images were, are resized to those by Pillow's `BILINEAR`
    (`resizing`) and normalised: what `neat-deep classify` does with a decoded image that stands upright.
    """

    inputs = "images"
    dimensions = ("batch", "height", "width")
    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, spec: DataSpec, channels: int) -> None:
        super().__init__()
        self.network = network
        self.shape = spec.shape
        self.channels = channels
        # Of pixels of 0..255, with the channels in the last dimension.
        self.register_buffer("mean", 255 * torch.tensor(spec.mean))
        self.register_buffer("std", 255 * torch.tensor(spec.std))

    def forward(self, images: Tensor) -> Tensor:
        channels, height, width = self.shape
        pixels = resize(change_channels(images.float(), channels), height, width)
        normalised = (pixels - self.mean) / self.std
        return self.network(normalised.permute(0, 3, 1, 2)).softmax(1)

    def examples(self) -> list[Tensor]:
        """Images twice as large as those of the training, where rounding is the same everywhere, and as large."""
        generator = torch.Generator().manual_seed(0)
        _, height, width = self.shape
        sizes = [(2, 2 * height, 2 * width), (3, height, width), (1, height, width)]
        return [torch.randint(0, 256, (*size, self.channels), generator=generator, dtype=torch.uint8) for size in sizes]


class TextModel(Model):
    """Token ids, int64 (B, length), to class probabilities.

    After a text's last token stands `padding`, which is hidden from the network; it may be none, or as much as one
    likes. Within a text it is a token like others.
    """

    inputs = "tokens"
    dimensions = ("batch", "length")

    def __init__(self, network: nn.Module, spec: DataSpec, padding: int) -> None:
        super().__init__()
        self.network = network
        self.spec = spec
        self.padding = padding
        # More padding changes nothing, and with it a text of one token is two tokens long behind the last reduction, as
        # torch.export needs it: to it a dimension of 1 is another case.
        self.more = 2 ** max(len(one.reductions) for one in network.modules() if isinstance(one, Network))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = F.pad(tokens, (0, self.more), value=self.padding)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        lengths = ((tokens != self.padding) * (places + 1)).amax(1, keepdim=True)
        return self.network(tokens, places < lengths).softmax(1)

    def examples(self) -> list[Tensor]:
        """Texts of random tokens: three with padding, as long as in training and shorter, and one of one token."""
        generator = torch.Generator().manual_seed(0)
        length = max(2, min(self.spec.shape[0], LONGEST_EXAMPLE))
        tokens = torch.randint(0, self.spec.vocabulary, (3, length), generator=generator)
        lengths = torch.tensor([length, (length + 1) // 2, 1])
        padded = tokens.masked_fill(torch.arange(length) >= lengths[:, None], self.padding)
        return [padded, tokens[:1, :1]]
