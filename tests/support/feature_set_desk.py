"""The use cases of feature sets over a platform in memory: asked, answered, shown."""

from dataclasses import dataclass
from typing import Any

from headgate.adapters.memory import MemoryQueue
from headgate.domain.feature_request import FeatureReport, FeatureRequest, Kind
from headgate.domain.identity import Principal
from headgate.services.dispatch.answer_feature_requests import AnswerFeatureRequests
from headgate.services.features.check_parity import CheckParity
from headgate.services.features.feature_sets import FeatureSets
from headgate.services.features.hand_out_features import HandOutFeatures
from headgate.services.features.read_online import ReadOnline
from headgate.services.features.request_features import RequestFeatures
from headgate.services.features.show_features import ShowFeatures

from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle


@dataclass
class FeatureDesk:
    """The feature set visit of the product shops, asked for by ``caller``."""

    platform: MemoryPlatform
    caller: Principal = ALICE

    def __post_init__(self) -> None:
        it = self.platform
        self.queue = MemoryQueue("features", it.faults)
        self.sets = FeatureSets(it.products, it.catalog, it.lake, it.guard, it.clock)
        self.asking = RequestFeatures(self.sets, self.queue, it.new_id)
        engine = it.build.engine
        parity = CheckParity(it.products, it.catalog, it.lake, engine, it.online, it.clock, it.scratch)
        self.answering = AnswerFeatureRequests(it.build, parity)

    def ask(self, kind: Kind) -> str:
        """The id of the request, which waits in the queue."""
        return str(self.asking.ask(self.caller, kind, "shops", "visit")["id"])

    def answer(self) -> FeatureReport:
        """Does what was asked for last."""
        return self.answering.answer(FeatureRequest.from_message(self.queue.messages[-1]))

    def report(self, kind: Kind, name: str) -> dict[str, Any]:
        return self.asking.show(self.caller, kind, "shops", "visit", name)

    def asked_and_answered(self, kind: Kind) -> dict[str, Any]:
        name = self.ask(kind)
        self.answer()
        return self.report(kind, name)

    def show(self, reference: str = "latest") -> dict[str, Any]:
        return ShowFeatures(self.sets).show(self.caller, "shops", "visit", reference)

    def listed(self) -> list[dict[str, Any]]:
        return ShowFeatures(self.sets).versions(self.caller, "shops", 10)

    def row(self, *keys: str, view: str = "sensor_now", at: str | None = None) -> dict[str, Any]:
        reading = ReadOnline(self.sets, self.platform.online)
        return reading.get(self.caller, "shops", "visit", view, keys, at)

    def files(
        self, start: str | None = None, end: str | None = None, views: bool = False, reference: str = "latest"
    ) -> dict[str, Any]:
        handing = HandOutFeatures(self.sets)
        return handing.files(self.caller, "shops", "visit", reference, start, end, views)

    def restrict(self, dataset: str, column: str) -> None:
        """The contract says from now on that the column's values are never shown."""
        document = bundle()
        (found,) = (c for c in document["datasets"][dataset]["columns"] if c["name"] == column)
        found["classification"] = "restricted"
        self.platform.apply_product(document)
