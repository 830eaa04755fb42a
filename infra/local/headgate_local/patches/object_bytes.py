"""An order that an object's version has other bytes from now on, for demos and tests: on AWS it cannot be.

Missing: nothing. A recorded version never changes, so nothing could show that reproduction reads its bytes.
So: PutObject with the header below, signed with the account root's key, changes the version that it names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from headgate_local.patches.settings import PatchSettings
from headgate_local.tamper import HEADER

_KEY = re.compile(r"Credential=([^/]+)/")


def apply(settings: PatchSettings) -> None:
    """Wrap PutObject."""
    from ministack.services import s3

    put_object = s3._put_object

    def put(bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> Any:
        version = headers.get(HEADER)
        if version is None:
            return put_object(bucket, key, body, headers)
        signed_by = _KEY.search(headers.get("authorization", ""))
        if signed_by is None or signed_by.group(1) != settings.root_access_key_id:
            return s3._error("AccessDenied", "The account's root alone may change a version.", 403, key)
        entries = s3._object_versions.get((bucket, key), [])
        entry = next((each for each in entries if each["version_id"] == version), None)
        if entry is None:
            return s3._error("NoSuchVersion", "The specified version does not exist.", 404, key)
        _change(entry, "data", body)
        current = s3._buckets[bucket]["objects"].get(key)
        if current is not None and current.get("version_id") == version:
            _change(current, "body", body)
        return 200, {"ETag": entry["etag"], "x-amz-version-id": version}, b""

    s3._put_object = put


def _change(record: dict[str, Any], part: str, body: bytes) -> None:
    """Size and tag follow, and the checksum goes: a client is to find nothing wrong with the answer."""
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    record.update({part: body, "size": len(body), "etag": etag, "checksums": {}})
