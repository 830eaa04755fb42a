"""Merges one branch into another, behind policy."""

from dataclasses import dataclass

from headgate.domain.errors import InvalidRequest
from headgate.domain.identity import Principal
from headgate.domain.version import MAIN
from headgate.services.versions.branches import PENDING
from headgate.services.versions.commit_version import Authorship, Line
from headgate.services.versions.datasets import Datasets
from headgate.services.versions.merge_versions import Merged, MergeVersions

ACTION = "headgate:MergeBranch"
PUBLISH = "headgate:PublishVersion"


@dataclass(frozen=True)
class MergeBranch:
    """The use case."""

    datasets: Datasets

    def merge(
        self,
        principal: Principal,
        product: str,
        dataset: str,
        source: str,
        into: str = MAIN,
        message: str = "",
    ) -> Merged:
        """The version on ``into`` that holds ``source`` (any name of a version). Idempotent.

        Into main of a dataset with ``publish: manual`` it takes the right to publish: there is no way around
        the approver. Raises AccessDenied, NotFound, PreconditionFailed when the two cannot be merged.
        """
        facts = {"headgate:Operation": "merge", "headgate:Branch": into}
        contract = self.datasets.allow(principal, ACTION, product, dataset, facts)
        if contract.publish == "manual" and into == MAIN:
            self.datasets.allow(principal, PUBLISH, product, dataset, facts)
        if into == PENDING:
            raise InvalidRequest(f"{PENDING} takes drops alone; merge into another branch")
        theirs = self.datasets.versions.resolve(product, dataset, source)
        by = Authorship(principal.id, message)
        return MergeVersions(self.datasets).merge(Line(product, dataset, into), theirs, by)
