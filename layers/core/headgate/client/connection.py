"""The way to a platform: the one that the command line of the same folder and environment would take."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from headgate.cli.client import ApiClient, Transport, reach_loopback_directly, urllib_transport
from headgate.cli.features_client import features_of
from headgate.cli.invocation import Invocation, boto3_session
from headgate.cli.output import Output
from headgate.cli.state import home_of
from headgate.client.download import Progress, nobody
from headgate.client.training_set import TrainingSet, joined_with, stored


@dataclass(frozen=True)
class Client:
    """One product of a platform, as one person sees it."""

    api: ApiClient
    product: str

    def training_set(
        self,
        feature_set: str,
        version: str | int = "latest",
        start: str | date | None = None,
        end: str | date | None = None,
        labels: Any = None,
        *,
        keep_order: bool = True,
        product: str | None = None,
        progress: Progress = nobody,
    ) -> TrainingSet:
        """The rows of a feature version with an event time from ``start`` on and before ``end`` (dates or
        instants, UTC where they say no zone; texts are ISO), in their order. ``feature_set`` may be
        product/set; ``version`` is latest, v3 or 3, or the first digits of a digest.

        ``labels`` are rows of the reader's own: a table of pyarrow, pandas or polars, or the path of a
        Parquet or CSV file, with the entity columns, the event time, and any more columns. They come back as
        they are, in their order, each with what the views knew at its event time; millions of them come
        faster without ``keep_order``.

        What is left out of them is warned of, and stands in the result's ``notes``.

        Raises ApiRefused, Unreachable, and CommandFailed where a file is not what the platform named.
        """
        features = features_of(self.api, product or self.product, feature_set)
        asked = (features, str(version), _text(start), _text(end))
        if labels is None:
            found = stored(*asked, progress)
        else:
            found = joined_with(*asked, labels, progress, keep_order)
        for note in found.notes:
            warnings.warn(note, stacklevel=2)
        return found


def _text(moment: str | date | None) -> str | None:
    return moment.isoformat() if isinstance(moment, date) else moment


def connect(
    product: str | None = None,
    *,
    principal: str | None = None,
    folder: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    transport: Transport | None = None,
) -> Client:
    """Finds the platform as the command line does: HEADGATE_API_URL and HEADGATE_TOKEN, or what ``headgate
    up`` and ``headgate login`` saved for the repository around ``folder``, the working directory unless
    given. ``principal`` is who acts, ``product`` what is meant by default, as ``--as`` and ``--product``.
    Raises NotSetUp, which says what to do.
    """
    from rich.console import Console

    found = os.environ if environ is None else environ
    if environ is None:
        reach_loopback_directly(os.environ)
    place = Path.cwd() if folder is None else Path(folder)
    call = Invocation(
        output=Output(Console(), Console(stderr=True), False),
        environ=found,
        folder=place,
        home=home_of(found, place),
        transport=transport or urllib_transport(),
        session=boto3_session,
        principal=principal,
    )
    return Client(call.client(), call.product(product))
