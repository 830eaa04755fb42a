"""Names of versions: tags that never move, branches that do, and holds that keep a version from the
collector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.domain import events
from headgate.domain.canonical import digest
from headgate.domain.errors import Conflict, InvalidRequest, NotFound
from headgate.domain.identity import Principal
from headgate.domain.version import MAIN, Branch, Head, Hold, Tag, check_ref_name
from headgate.services.versions.branches import PENDING, readable, start_branch
from headgate.services.versions.commit_version import Line
from headgate.services.versions.datasets import Datasets

READ = "headgate:ReadDataset"
TAG, HOLD, RELEASE = "headgate:TagVersion", "headgate:HoldVersion", "headgate:ReleaseHold"
CREATE, DELETE = "headgate:CreateBranch", "headgate:DeleteBranch"
RESERVED = (MAIN, PENDING)


@dataclass(frozen=True)
class Names:
    """Everything of a dataset that has a name; each sorted by name. Main's head comes first among
    branches.
    """

    branches: Sequence[Branch]
    tags: Sequence[Tag]
    holds: Sequence[Hold]


@dataclass(frozen=True)
class NameVersion:
    """The use case. Each method raises AccessDenied, and NotFound for a product, dataset or version."""

    datasets: Datasets

    def names(self, principal: Principal, product: str, dataset: str) -> Names:
        self.datasets.allow(principal, READ, product, dataset)
        refs = self.datasets.refs
        return Names(
            (*self._main(product, dataset), *refs.branches(product, dataset)),
            refs.tags(product, dataset),
            refs.holds(product, dataset),
        )

    def tag(
        self, principal: Principal, product: str, dataset: str, name: str, version: str, message: str = ""
    ) -> Tag:
        """Idempotent for the same version. Raises Conflict when the name means another one: tags never
        move.
        """
        self.datasets.allow(principal, TAG, product, dataset)
        _check_new(name)
        if self._known_branch(product, dataset, name) is not None:
            raise Conflict(f"{name} is a branch of {product}/{dataset}: a tag needs a name of its own")
        record = readable(self.datasets.versions.resolve(product, dataset, version))
        known = next((t for t in self.datasets.refs.tags(product, dataset) if t.name == name), None)
        tag = known or Tag(name, record.ordinal, record.digest, principal.id, self.datasets.now(), message)
        if tag.digest != record.digest:
            raise Conflict(f"the tag {name} means v{tag.ordinal}; tags do not move")
        self.datasets.refs.add_tag(product, dataset, tag)
        self._tell(events.VERSION_TAGGED, product, dataset, tag.name, tag.ordinal, principal, tag.created_at)
        return tag

    def create_branch(
        self, principal: Principal, product: str, dataset: str, name: str, version: str = MAIN
    ) -> Branch:
        """A branch that starts at ``version``. Idempotent while it has not moved; else raises Conflict."""
        self.datasets.allow(principal, CREATE, product, dataset, {"headgate:Branch": name})
        _check_new(name)
        if any(t.name == name for t in self.datasets.refs.tags(product, dataset)):
            raise Conflict(f"{name} is a tag of {product}/{dataset}: a branch needs a name of its own")
        record = readable(self.datasets.versions.resolve(product, dataset, version))
        branch = self._known_branch(product, dataset, name)
        if branch is None:
            head = Head(record, self.datasets.manifest_of(record))
            line = Line(product, dataset, name)
            branch = start_branch(self.datasets.refs, line, head, principal.id, self.datasets.now())
        if (branch.base, branch.head_digest) != (record.digest, record.digest):
            raise Conflict(f"the branch {name} is there already, at v{branch.head_ordinal}")
        self._tell(
            events.BRANCH_CREATED, product, dataset, name, record.ordinal, principal, branch.created_at
        )
        return branch

    def delete_branch(self, principal: Principal, product: str, dataset: str, name: str) -> Branch:
        """Its name goes; its versions stay known by ordinal until they are collected."""
        self.datasets.allow(principal, DELETE, product, dataset, {"headgate:Branch": name})
        if name in RESERVED:
            raise InvalidRequest(f"{name} is not deleted; `headgate data reject` drops what waits on pending")
        found = self._known_branch(product, dataset, name)
        if found is None:
            raise NotFound(f"dataset {product}/{dataset} has no branch {name!r}")
        self.datasets.refs.delete_branch(product, dataset, name)
        at = self.datasets.now()
        self._tell(events.BRANCH_DELETED, product, dataset, name, found.head_ordinal, principal, at)
        return found

    def hold(
        self, principal: Principal, product: str, dataset: str, name: str, version: str, reason: str
    ) -> Hold:
        """Idempotent for the same version. Raises Conflict when the name holds another one."""
        self.datasets.allow(principal, HOLD, product, dataset)
        check_ref_name(name)
        if not reason.strip():
            raise InvalidRequest("a hold needs a reason")
        record = readable(self.datasets.versions.resolve(product, dataset, version))
        known = next((h for h in self.datasets.refs.holds(product, dataset) if h.name == name), None)
        hold = known or Hold(name, record.ordinal, principal.id, self.datasets.now(), reason)
        if hold.ordinal != record.ordinal:
            raise Conflict(f"the hold {name} keeps v{hold.ordinal}: release it, or take another name")
        self.datasets.refs.add_hold(product, dataset, hold)
        self._tell(events.VERSION_HELD, product, dataset, name, hold.ordinal, principal, hold.created_at)
        return hold

    def release(self, principal: Principal, product: str, dataset: str, name: str) -> Hold:
        self.datasets.allow(principal, RELEASE, product, dataset)
        found = next((h for h in self.datasets.refs.holds(product, dataset) if h.name == name), None)
        if found is None:
            raise NotFound(f"dataset {product}/{dataset} has no hold {name!r}")
        self.datasets.refs.release_hold(product, dataset, name)
        at = self.datasets.now()
        self._tell(events.HOLD_RELEASED, product, dataset, name, found.ordinal, principal, at)
        return found

    def _known_branch(self, product: str, dataset: str, name: str) -> Branch | None:
        return next((b for b in self.datasets.refs.branches(product, dataset) if b.name == name), None)

    def _main(self, product: str, dataset: str) -> Sequence[Branch]:
        head = self.datasets.catalog.dataset_head(product, dataset, MAIN)
        return [] if head is None else [Branch(MAIN, "", 0, "", "", head.ordinal, head.digest)]

    def _tell(
        self,
        kind: str,
        product: str,
        dataset: str,
        name: str,
        ordinal: int,
        principal: Principal,
        at: str,
    ) -> None:
        """The id comes from what was done and when it first was, so that a repeat is recognised."""
        detail = {"dataset": dataset, "name": name, "ordinal": ordinal, "principal": principal.id}
        event = digest({"kind": kind, "product": product, "at": at, **detail})
        self.datasets.tell(kind, product, event, detail)


def _check_new(name: str) -> None:
    """Raises InvalidRequest when ``name`` may not name a tag or branch."""
    check_ref_name(name)
    if name in RESERVED:
        raise InvalidRequest(f"{name} is a name of the platform's own")
