"""What a contract's checks look at beside the drop itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from headgate.domain.dataset_input import DatasetInput, InputFile


@dataclass(frozen=True)
class SeenDataset:
    """The head of a dataset as checks saw it: its ordinal, None before its first version, and its files."""

    ordinal: int | None
    given: DatasetInput


@dataclass(frozen=True)
class CheckContext:
    """When the drop arrived (with a time zone), and the heads of the datasets that the contract names; its
    own is the head that the drop is to be put on.
    """

    arrived_at: datetime
    datasets: Mapping[str, SeenDataset] = field(default_factory=dict)

    @property
    def uris(self) -> tuple[str, ...]:
        return tuple(uri for name in sorted(self.datasets) for uri in self.datasets[name].given.uris)

    def with_file(self, dataset: str, file: InputFile) -> "CheckContext":
        """The same after one more drop was accepted, whose file is not in a version yet."""
        seen = self.datasets.get(dataset)
        if seen is None:
            return self
        grown = replace(seen, given=replace(seen.given, files=(*seen.given.files, file)))
        return replace(self, datasets={**self.datasets, dataset: grown})
