"""pyiceberg's file system over the function's own S3 client: credentials, retries and errors as for all else.

A Parquet footer costs one request, a written file one. pyiceberg's own adds a look for each file, and uploads
in parts.
"""

import io
from typing import Any

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from headgate.adapters.aws.errors import translated
from headgate.adapters.aws.session import AwsClients
from headgate.domain.errors import NotFound, PreconditionFailed

FOOTER_BYTES = 64 * 1024
"""Read with the first request of a Parquet file: the footer of most files."""


class LakeFileIO(FileIO):
    """Reads any S3 location, and writes and deletes where the role may."""

    def __init__(self, clients: AwsClients) -> None:
        super().__init__({})
        self._clients = clients
        self._pinned: dict[str, str] = {}

    def pin(self, location: str, version_id: str) -> None:
        """From now on reading ``location`` fails unless its newest version is ``version_id``."""
        self._pinned[location] = version_id

    def new_input(self, location: str) -> "_Input":
        return _Input(self._client, location, self._pinned.get(location, ""))

    def new_output(self, location: str) -> "_Output":
        return _Output(self._client, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        place = location if isinstance(location, str) else location.location
        self._client.delete_object(**_place(place))

    @property
    def _client(self) -> Any:
        return self._clients.client("s3")


class _Input(InputFile):
    """A file to read: Parquet in ranges from its end, all else whole."""

    def __init__(self, client: Any, location: str, pinned: str) -> None:
        super().__init__(location)
        self._client = client
        self._pinned = pinned
        self._size: int | None = None

    def __len__(self) -> int:
        if self._size is None:
            self._size = int(self._client.head_object(**_place(self.location))["ContentLength"])
        return self._size

    def exists(self) -> bool:
        try:
            with translated(f"looking for {self.location}", write=False):
                self._client.head_object(**_place(self.location))
        except NotFound:
            return False
        return True

    def require_pinned(self) -> None:
        """Raises PreconditionFailed when the newest version is not the one that was pinned."""
        if self._pinned:
            self._check(self._client.head_object(**_place(self.location)))

    def open(self, seekable: bool = True) -> InputStream:
        del seekable  # all are
        if not self.location.endswith(".parquet") and not self._pinned:
            body: bytes = self._client.get_object(**_place(self.location))["Body"].read()
            self._size = len(body)
            return io.BytesIO(body)
        answer = self._client.get_object(**_place(self.location), Range=f"bytes=-{FOOTER_BYTES}")
        self._check(answer)
        tail: bytes = answer["Body"].read()
        self._size = int(answer.get("ContentRange", f"/{len(tail)}").rpartition("/")[2])
        return _Ranges(self._client, self.location, self._size, tail)

    def _check(self, answer: Any) -> None:
        if self._pinned and answer.get("VersionId") != self._pinned:
            raise PreconditionFailed(
                f"{self.location} was imported as version {self._pinned} and is {answer.get('VersionId')} "
                "now: engines that know no versions would read other rows than this platform does"
            )


class _Ranges(io.RawIOBase):
    """A file of which the end is known, and the rest is asked for when it is read."""

    def __init__(self, client: Any, location: str, size: int, tail: bytes) -> None:
        super().__init__()
        self._client, self._location, self._size, self._tail = client, location, size, tail
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        found = self._between(self._at, end) if end > self._at else b""
        self._at += len(found)
        return found

    def _between(self, start: int, end: int) -> bytes:
        known = self._size - len(self._tail)
        if start >= known:
            return self._tail[start - known : end - known]
        answer = self._client.get_object(**_place(self._location), Range=f"bytes={start}-{end - 1}")
        body: bytes = answer["Body"].read()
        return body


class _Output(OutputFile):
    """A file to write, with one request when it is closed."""

    def __init__(self, client: Any, location: str) -> None:
        super().__init__(location)
        self._client = client

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> _Input:
        return _Input(self._client, self.location, "")

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Upload(self._client, self.location, overwrite)


class _Upload(io.BytesIO):
    """Bytes that become an object when the stream is closed, unless what wrote them failed."""

    def __init__(self, client: Any, location: str, overwrite: bool) -> None:
        super().__init__()
        self._client, self._location, self._overwrite = client, location, overwrite

    def close(self) -> None:
        if not self.closed:
            condition = {} if self._overwrite else {"IfNoneMatch": "*"}
            self._client.put_object(**_place(self._location), Body=self.getvalue(), **condition)
        super().close()

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        if kind is not None:
            super().close()
        self.close()


def _place(location: str) -> dict[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
