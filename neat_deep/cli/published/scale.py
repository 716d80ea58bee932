"""What a scale of the experiment says, as plain data: on which data sets, how long, how often.

A scale names shipped INI files and what differs from them. All cells of one data set stand in the same skeleton, that
of [Network], and are trained in the same way, that of [Training].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neat_deep.data.registry import reads_folder

Changes = Mapping[str, str]  # values by 'Section.key'


@dataclass(frozen=True)
class Settings:
    """A shipped INI file, and what differs from it."""

    config: str
    changes: Changes = field(default_factory=dict)


@dataclass(frozen=True)
class DataPart:
    """A data set: what files call it, what people call it, and the settings of NEAT and of every training on it.

    `darts` are the settings of gradient descent, None for a data set that nothing is searched on. One that is `made` by
    the program needs no download.
    """

    name: str
    title: str
    settings: Settings
    darts: Settings | None = None
    made: bool = False

    @property
    def reads_root(self) -> bool:
        """Whether it lies in the folder that the user names."""
        return not self.made and reads_folder(self.name)


@dataclass(frozen=True)
class Domain:
    """A kind of data: cells are searched on one data set, and carried over to another.

    `by_hand` is the shipped architecture that they are compared with.
    """

    name: str
    by_hand: str
    searched: DataPart
    carried: DataPart


@dataclass(frozen=True)
class Scale:
    """How large the experiment is.

    Each cell is trained with `trainings` seeds on the data set that it was found on, and with `transfers` seeds where
    it is carried over to. `voters` networks of NEAT's population vote.
    """

    name: str
    summary: str
    domains: tuple[Domain, ...]
    trainings: int
    transfers: int
    voters: int

    def data_parts(self) -> list[DataPart]:
        """The data sets, those that are searched on first."""
        return [*(domain.searched for domain in self.domains), *(domain.carried for domain in self.domains)]

    def blocks(self) -> dict[str, str]:
        """The architecture made by hand for each data set, by its name."""
        return {part.name: domain.by_hand for domain in self.domains for part in (domain.searched, domain.carried)}
