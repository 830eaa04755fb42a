"""Dataset versions as engines read them: the files, what each knows, and the schema that is seen."""

from headgate.domain.dataset import DataFile
from headgate.domain.dataset_input import DatasetInput, InputFile
from headgate.domain.version import VersionRecord
from headgate.ports import ObjectStore
from headgate.services.versions.manifests import Manifests


def dataset_input(lake: ObjectStore, record: VersionRecord) -> DatasetInput:
    """The version's rows, seen through the version's own schema. Raises NotFound, Corrupted."""
    manifests = Manifests(lake, record.product, record.dataset)
    manifest = manifests.load(record.digest)
    return DatasetInput(manifest.schema, tuple(input_file(lake, f) for f in manifests.files(manifest)))


def input_file(lake: ObjectStore, file: DataFile) -> InputFile:
    return InputFile(lake.uri(file.key), tuple((c.name, c.type) for c in file.columns))
