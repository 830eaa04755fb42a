"""The closed words of policies: actions, resource kinds, condition keys. No other is read.

A misspelt word in a Deny would otherwise be a wall with a hole nobody sees.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from headgate.domain.errors import InvalidRequest

# Action -> what it does, and the kind of resource it is asked on.
ACTIONS: dict[str, str] = {
    "headgate:ApplyProduct": "apply a product bundle (product)",
    "headgate:ReadProduct": "read a product, its versions, runs, models and reports (product)",
    "headgate:ListProducts": "see that a product exists (product)",
    "headgate:CommitVersion": "commit a dataset version (dataset)",
    "headgate:ImportObjects": "bring objects of another bucket under versioning (dataset)",
    "headgate:PublishTable": "publish a dataset's versions as a table that other engines read (dataset)",
    "headgate:ReadDataset": "read a dataset's versions (dataset)",
    "headgate:ReadQuarantine": "read refused drops (dataset)",
    "headgate:ReplayDrop": "send a quarantined drop through ingest again (dataset)",
    "headgate:FindSubject": "find what holds a subject's rows (dataset)",
    "headgate:EraseSubject": "erase a subject's rows from a dataset and all that was made of it (dataset)",
    "headgate:DiscardDrop": "close a quarantined drop for good (dataset)",
    "headgate:RollbackDataset": "make a branch show an earlier version again (dataset)",
    "headgate:PublishVersion": "publish or reject versions that wait (dataset)",
    "headgate:TagVersion": "give a version a name that never moves (dataset)",
    "headgate:CreateBranch": "begin a branch at a version (dataset)",
    "headgate:DeleteBranch": "take a branch's name away (dataset)",
    "headgate:MergeBranch": "merge a branch into another (dataset)",
    "headgate:HoldVersion": "keep a version from being collected (dataset)",
    "headgate:ReleaseHold": "let a held version be collected again (dataset)",
    "headgate:DiffVersions": "see which rows differ between two versions (dataset)",
    "headgate:CollectGarbage": "delete what no kept version reaches (dataset, features)",
    "headgate:BuildFeatures": "build a feature version (features)",
    "headgate:ReadFeatures": "read feature versions (features)",
    "headgate:SubmitTraining": "submit a training run (model)",
    "headgate:StopTraining": "stop a training run (run)",
    "headgate:ReadRun": "read a training run (run)",
    "headgate:RegisterModel": "register a model version (model)",
    "headgate:ProposeModel": "ask for a version to become champion, or take that back (model)",
    "headgate:PromoteModel": "move a model alias forward (model)",
    "headgate:RollbackModel": "move a model alias back (model)",
    "headgate:ReproduceModel": "make a model version again from what was recorded, and compare (model)",
    "headgate:ReadModel": "read model versions and their reports (model)",
    "headgate:Infer": "ask a model for predictions (model)",
    "headgate:SendFeedback": "send what really happened for a prediction (model)",
    "headgate:TracePrediction": "follow a prediction back to its source objects (model)",
    "headgate:CheckGate": "compute a stage's gate (product)",
    "headgate:ChangeStage": "move a product to another stage (product)",
    "headgate:ReadCosts": "read the cost ledger (product)",
    "headgate:ReadMonitoring": "read drift and performance reports (product)",
    "headgate:ReadAudit": "read decisions (audit)",
    "headgate:ExplainAccess": "ask how a policy decides (product)",
}

RESOURCE_KINDS = ("dataset", "features", "run", "model", "product", "audit")
_SEGMENT = r"[A-Za-z0-9_.@=+-]{1,256}"
_HRN = re.compile(rf"hrn:({_SEGMENT}):({'|'.join(RESOURCE_KINDS)})/{_SEGMENT}(/{_SEGMENT})?")

KeyType = Literal["string", "number", "date", "bool", "ip", "any"]


@dataclass(frozen=True)
class ConditionKey:
    """One condition key: ``type`` decides which operators fit, ``multivalued`` whether one needs a set
    operator."""

    name: str
    type: KeyType
    multivalued: bool = False

    @property
    def id(self) -> str:
        """Condition keys are compared without regard to case, as in IAM."""
        return self.name.lower()


PRINCIPAL_TAG = "headgate:PrincipalTag/"
_KEYS = (
    ConditionKey("headgate:Environment", "string"),
    ConditionKey("headgate:Stage", "string"),
    ConditionKey("headgate:FromStage", "string"),
    ConditionKey("headgate:ToStage", "string"),
    ConditionKey("headgate:GatePassed", "bool"),
    ConditionKey("headgate:EvidenceAgeSeconds", "number"),
    ConditionKey("headgate:Operation", "string"),
    ConditionKey("headgate:Branch", "string"),
    ConditionKey("headgate:Alias", "string"),
    ConditionKey("headgate:ProposedBy", "string"),
    ConditionKey("headgate:ProposedBySelf", "bool"),
    ConditionKey("headgate:ComputeClass", "string"),
    ConditionKey("headgate:EstimatedCostUSD", "number"),
    ConditionKey("headgate:BudgetLeftUSD", "number"),
    ConditionKey("headgate:Rows", "number"),
    ConditionKey("headgate:Classification", "string", multivalued=True),
    ConditionKey("headgate:CurrentTime", "date"),
    ConditionKey("headgate:SourceIp", "ip"),
    ConditionKey("headgate:PrincipalId", "string"),
    ConditionKey("headgate:PrincipalGroups", "string", multivalued=True),
)
# Keys whose last part is free. A tag may hold anything, so any operator fits it.
_PREFIXES: tuple[tuple[str, KeyType], ...] = ((PRINCIPAL_TAG, "any"), ("headgate:Metric/", "number"))
CONDITION_KEYS: dict[str, ConditionKey] = {key.id: key for key in _KEYS}


def condition_key(name: str) -> ConditionKey:
    """The key of that name in any case. Raises ``ValueError`` with the nearest known name."""
    known = CONDITION_KEYS.get(name.lower())
    if known is not None:
        return known
    for prefix, key_type in _PREFIXES:
        if name.lower().startswith(prefix.lower()) and len(name) > len(prefix):
            return ConditionKey(prefix + name[len(prefix) :], key_type)
    every = [key.name for key in _KEYS] + [prefix for prefix, _ in _PREFIXES]
    raise ValueError(f"unknown condition key {name!r}{did_you_mean(name, every)}")


def hrn(product: str, kind: str, name: str, version: str | int | None = None) -> str:
    """A resource as policies name it: ``hrn:flights:model/late/3``.

    Raises InvalidRequest on an unusable part.
    """
    resource = f"hrn:{product}:{kind}/{name}" + ("" if version is None else f"/{version}")
    check_hrn(resource)
    return resource


def check_hrn(resource: str) -> None:
    """Raises InvalidRequest unless ``resource`` names exactly one thing: no wildcard, no further colon."""
    if not _HRN.fullmatch(resource):
        kinds = "|".join(RESOURCE_KINDS)
        raise InvalidRequest(
            f"{resource!r} names no resource: hrn:<product>:{kinds}/<name>[/<version>] is needed"
        )


def product_of(resource: str) -> str:
    """The product a resource belongs to."""
    return resource.split(":", 2)[1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "x"?`` for the known word nearest to ``word``, or nothing."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f'; did you mean "{by_lower[close[0]]}"?' if close else ""
