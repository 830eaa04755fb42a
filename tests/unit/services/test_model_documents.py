"""Card, bill of materials and signature of a registered version: from evidence, and hard to change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from headgate.adapters.memory import LogisticModel, MemorySigner
from headgate.domain.canonical import canonical_json
from headgate.domain.identity import Principal
from headgate.domain.model import ModelVersion
from headgate.services.models.compare_models import CompareModels
from headgate.services.models.model_documents import ModelDocuments
from headgate.services.models.read_model import ReadModel, Verification

from tests.support.crash_points import after_every_crash
from tests.support.memory_platform import ALICE, MemoryPlatform
from tests.support.small_product import bundle
from tests.support.trained_run import FAIR, GOOD, TrainedRun, job, spec_uri

PACKAGES = {"lightgbm": "4.6.0", "scikit_learn": "1.7.2", "torch": "2.9.1+cpu"}
CLAIMS = {
    "card.json": {
        "limits": ["Learnt from January alone."],
        "features": [{"name": "double_size", "importance": 0.9}],
        "metrics": {"holdout": {"auc": 0.123}},
    },
    "metrics.json": {"threshold": {"choose": "max_f1", "value": 0.4, "chosen_on": "backtest"}},
}


def reader(platform: MemoryPlatform, signer: MemorySigner | None = None) -> ReadModel:
    documents = ModelDocuments(platform.models, signer or MemorySigner())
    return ReadModel(platform.products, platform.catalog, documents, platform.guard, platform.scratch)


def run_next(platform: MemoryPlatform, model: LogisticModel, **training: Any) -> ModelVersion:
    document = bundle(training={**bundle()["training"], "segments": ["shop"], **training})
    platform.apply_product(document)
    platform.clock.advance(60)
    assert platform.train.consider("shops").state == "submitted"
    run = platform.catalog.runs("shops")[0]
    trained = TrainedRun(platform, run, model)
    trained.manifest["environment"] = {"python": "3.13.1", "packages": PACKAGES}
    for name, claim in CLAIMS.items():
        trained.replace_file(name, json.dumps(claim).encode())
    trained.write()
    outcome = platform.register.on_job_ended(spec_uri(run), job(run))
    assert outcome.model is not None, outcome.run.reason
    return outcome.model


@pytest.fixture(scope="module")
def made(prepared_platform: MemoryPlatform) -> MemoryPlatform:
    platform = prepared_platform.fork()
    run_next(platform, FAIR)
    run_next(platform, GOOD, seed=3)
    return platform


@pytest.fixture
def platform(made: MemoryPlatform) -> MemoryPlatform:
    return made.fork()


def key(name: str, version: int = 2) -> str:
    return f"shops/models/buys/{version}/{name}"


def stored(platform: MemoryPlatform, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(platform.models.get(key(name)))
    return document


def verified(platform: MemoryPlatform, version: int = 2) -> Verification:
    return reader(platform).verify(ALICE, "shops", version)


def test_the_card_tells_what_was_measured_apart_from_what_was_claimed(platform: MemoryPlatform) -> None:
    found = reader(platform).card(ALICE, "shops", 2)
    card, version = found["card"], platform.catalog.model_version("buys", 2)

    assert card["measured"]["auc"] == version.metrics["auc"] == 1.0
    assert [gate["name"] for gate in card["gates"]] == [gate.name for gate in version.gates]
    assert version.closure is not None
    assert card["closure"]["datasets"] == version.closure.datasets
    assert card["artifact"]["sha256"] == version.artifact_sha256
    assert card["declared"]["seed"] == 3
    assert {each["value"] for each in card["measured"]["segments"]["shop"]} == {"north", "south"}
    assert card["claims"]["limits"] == CLAIMS["card.json"]["limits"]
    assert card["claims"]["threshold"]["value"] == 0.4
    assert "0.123" not in json.dumps(card["measured"])


def test_the_card_reads_as_a_page(platform: MemoryPlatform) -> None:
    page = reader(platform).card(ALICE, "shops", 2)["markdown"]

    assert page.startswith("# buys version 2\n")
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings == [
        "Held-out results",
        "Calibration",
        "By shop, the worst first",
        "Gates",
        "Made of",
        "What the trainer says",
    ]
    for said in (
        "| seasonal |",
        "| naive |",
        "dataset visits",
        "Learnt from January alone",
        "version 1, the",
    ):
        assert said in page


def test_the_bill_of_materials_has_the_structure_of_cyclonedx(platform: MemoryPlatform) -> None:
    bom, version = reader(platform).bom(ALICE, "shops", 2), platform.catalog.model_version("buys", 2)

    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bom["serialNumber"])
    assert set(bom) == {
        *("bomFormat", "specVersion", "serialNumber", "version"),
        *("metadata", "components", "dependencies"),
    }
    model = bom["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "buys", "2")
    assert model["hashes"] == [{"alg": "SHA-256", "content": version.artifact_sha256}]
    components = [model, *bom["components"]]
    for each in components:
        assert each["type"] in ("machine-learning-model", "data", "library")
        assert each["name"]
        assert all(re.fullmatch(r"[0-9a-f]{64}", found["content"]) for found in each.get("hashes", ()))
    refs = [each["bom-ref"] for each in components]
    assert len(set(refs)) == len(refs)
    assert {each["ref"] for each in bom["dependencies"]} == set(refs)
    assert {ref for each in bom["dependencies"] for ref in each["dependsOn"]} == set(refs) - {refs[0]}


def test_the_bill_of_materials_names_data_libraries_and_numbers(platform: MemoryPlatform) -> None:
    bom, version = reader(platform).bom(ALICE, "shops", 2), platform.catalog.model_version("buys", 2)
    assert version.closure is not None
    data = {each["name"]: each for each in bom["components"] if each["type"] == "data"}

    assert set(data) == {"visits", "sensor", "visit"}
    for name, dataset in version.closure.datasets.items():
        assert data[name]["hashes"] == [{"alg": "SHA-256", "content": dataset["digest"]}]
        assert data[name]["data"] == [{"type": "dataset", "name": name}]
    assert {each["purl"] for each in bom["components"] if each["type"] == "library"} == {
        "pkg:pypi/lightgbm@4.6.0",
        "pkg:pypi/scikit-learn@1.7.2",
        "pkg:pypi/torch@2.9.1%2Bcpu",
    }
    card = bom["metadata"]["component"]["modelCard"]
    assert {each["ref"] for each in card["modelParameters"]["datasets"]} == {
        each["bom-ref"] for each in data.values()
    }
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "auc", "value": "1.0", "slice": "2024-02-01..2024-03-01"} in metrics
    assert all(isinstance(value, str) for each in metrics for value in each.values())
    assert card["considerations"]["technicalLimitations"] == CLAIMS["card.json"]["limits"]


def test_what_was_signed_is_verified_byte_by_byte(platform: MemoryPlatform) -> None:
    found = verified(platform)

    assert found.valid
    assert [check["name"] for check in found.checks] == [
        *("signature", "record", "card.json", "card.md", "bom.json", "artifact")
    ]
    assert found.signature is not None
    assert found.signature["algorithm"] == "HMAC_SHA_256"


Tamper = Callable[[MemoryPlatform], Any]


def other(name: str) -> Tamper:
    return lambda platform: platform.models.put(key(name), platform.models.get(key(name)) + b" ")


def artifact(platform: MemoryPlatform) -> None:
    platform.models.put(platform.catalog.model_version("buys", 2).artifact_key, GOOD.to_bytes() + b" ")


def statement(resign: bool, **changes: Any) -> Tamper:
    """Another statement, with the digest that fits it; signed, if at all, with a key of one's own."""

    def tamper(platform: MemoryPlatform) -> None:
        from hashlib import sha256

        signed = stored(platform, "signature.json")
        signed["statement"] |= changes
        digest = sha256(canonical_json(signed["statement"]))
        signed["statement_sha256"] = digest.hexdigest()
        if resign:
            signed["signature"] = vars(MemorySigner(b"mine", "memory/mine").sign(digest.digest()))
        platform.models.put(key("signature.json"), canonical_json(signed))

    return tamper


def from_another_version(platform: MemoryPlatform) -> None:
    for name in ("card.json", "card.md", "bom.json", "signature.json"):
        platform.models.put(key(name), platform.models.get(key(name, version=1)))


def gone(name: str) -> Tamper:
    def tamper(platform: MemoryPlatform) -> None:
        for entry in list(platform.models.entries(key(name))):
            platform.models.delete(entry.key, entry.version_id)

    return tamper


@pytest.mark.parametrize(
    ("tamper", "failing"),
    [
        (other("card.json"), ["card.json"]),
        (other("card.md"), ["card.md"]),
        (other("bom.json"), ["bom.json"]),
        (gone("card.json"), ["card.json"]),
        (gone("signature.json"), ["signature"]),
        (artifact, ["artifact"]),
        (statement(False, version=3), ["signature", "record"]),
        (statement(True, digest="0" * 64), ["signature", "record"]),
        (statement(True), ["signature"]),
        (from_another_version, ["record", "artifact"]),
    ],
    ids=[
        *("card", "page", "bom", "no-card", "no-signature", "artifact", "statement"),
        *("statement-signed-by-another", "signed-by-another", "of-another-version"),
    ],
)
def test_whatever_is_changed_is_found(platform: MemoryPlatform, tamper: Tamper, failing: list[str]) -> None:
    tamper(platform)

    found = verified(platform)

    assert not found.valid
    assert [check["name"] for check in found.checks if not check["passed"]] == failing


def test_a_number_that_is_changed_in_the_catalog_is_found(platform: MemoryPlatform) -> None:
    read = reader(platform)
    version = platform.catalog.model_version("buys", 2)

    class Changed:
        def model_version(self, model: str, number: int) -> ModelVersion:
            return replace(version, metrics={**version.metrics, "auc": 0.99})

    found = replace(read, models=Changed()).verify(ALICE, "shops", 2)

    assert [check["name"] for check in found.checks if not check["passed"]] == ["record"]


def test_a_deployment_trusts_its_own_key_alone(platform: MemoryPlatform) -> None:
    found = reader(platform, MemorySigner(b"another")).verify(ALICE, "shops", 2)

    assert [check["name"] for check in found.checks if not check["passed"]] == ["signature"]


def test_who_may_not_read_models_reads_none_of_it(platform: MemoryPlatform) -> None:
    from headgate.domain.errors import AccessDenied

    stranger = Principal("user/mallory")
    read = reader(platform)
    for ask in (read.card, read.bom, read.verify):
        with pytest.raises(AccessDenied):
            ask(stranger, "shops", 2)


def test_a_run_that_leaves_the_bytes_of_another_changes_none_of_its_documents(
    platform: MemoryPlatform,
) -> None:
    before = {name: platform.models.get(key(name)) for name in ("card.json", "bom.json", "signature.json")}

    assert run_next(platform, GOOD, seed=9).version == 2

    assert {name: platform.models.get(key(name)) for name in before} == before


def test_a_crash_anywhere_leaves_a_version_that_verifies(platform: MemoryPlatform) -> None:
    platform.apply_product(bundle(training={**bundle()["training"], "seed": 11}))
    platform.clock.advance(60)
    platform.train.consider("shops")
    run = platform.catalog.runs("shops")[0]
    TrainedRun(platform, run, LogisticModel(-50.9, GOOD.weights)).write()
    for copy, crash in after_every_crash(
        platform, lambda p: p.register.on_job_ended(spec_uri(run), job(run))
    ):
        assert verified(copy, 3).valid, crash


def test_two_versions_side_by_side(platform: MemoryPlatform) -> None:
    found = CompareModels(reader(platform)).compare(ALICE, "shops", 1, 2)

    one, two = (platform.catalog.model_version("buys", n) for n in (1, 2))
    aucs = next(each for each in found["metrics"] if each["name"] == "auc")
    assert (aucs["a"], aucs["b"]) == (one.metrics["auc"], two.metrics["auc"])
    assert aucs["difference"] == pytest.approx(two.metrics["auc"] - one.metrics["auc"])
    gain = two.metrics["champion"]["gain"]
    assert found["auc_difference"] == {**gain, "measured_with": 2}
    changed = {(each["part"], each["name"]): (each["a"], each["b"]) for each in found["changed"]}
    assert changed["declared", "seed"] == (1, 3)
    assert ("closure", "config_digest") in changed
    assert {k: v for k, v in changed.items() if k[0] in ("dataset", "library", "params")} == {}
    assert found["same_window"]


def test_a_comparison_the_other_way_round_has_the_opposite_signs(platform: MemoryPlatform) -> None:
    compare = CompareModels(reader(platform)).compare
    there, back = compare(ALICE, "shops", 1, 2), compare(ALICE, "shops", 2, 1)

    assert back["auc_difference"]["value"] == -there["auc_difference"]["value"]
    assert back["auc_difference"]["low"] == -there["auc_difference"]["high"]
    assert [(c["a"], c["b"]) for c in back["changed"]] == [(c["b"], c["a"]) for c in there["changed"]]
