"""The difference between two versions on the deployed platform: two drops, an overwrite, and an erasure."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from headgate.cli.app import execute
from headgate.cli.client import urllib_transport
from headgate.cli.failures import ApiRefused
from headgate.cli.history_client import HistoryClient
from rich.console import Console

from tests.e2e.stack import Stack
from tests.e2e.waiting import eventually
from tests.support.data_product import data_product

PRODUCT, DATASET = "stock", "goods"
HEADER = "item,shop,price,supplier\n"
SECONDS = 120.0


def bundle(operation: str = "append", version: str = "1.0.0") -> dict[str, Any]:
    columns = [
        {"name": "item", "type": "VARCHAR", "required": True, "primary_key": True},
        {"name": "shop", "type": "VARCHAR"},
        {"name": "price", "type": "DECIMAL(9,2)"},
        {"name": "supplier", "type": "VARCHAR", "classification": "restricted"},
    ]
    contract = {"version": version, "columns": columns, "operation": operation}
    return data_product(PRODUCT, {DATASET: contract})


@pytest.fixture(scope="module")
def stock(stack: Stack) -> Stack:
    """v1 has two items, v2 one more, v3 is an overwrite: one is dearer, one is gone."""
    alice = stack.api("alice")
    alice.apply_product(PRODUCT, bundle())
    drops = (
        ("append", "1.0.0", "nut,north,1.00,ACME\nbolt,north,2.00,ACME\n"),
        ("append", "1.0.0", "gear,south,3.50,Bolts & Co\n"),
        ("overwrite", "2.0.0", "nut,north,1.00,ACME\nbolt,north,2.25,ACME\n"),
    )
    for ordinal, (operation, version, rows) in enumerate(drops, start=1):
        alice.apply_product(PRODUCT, bundle(operation, version))
        stack.drop(f"{PRODUCT}/{DATASET}/{ordinal}.csv", (HEADER + rows).encode())
        eventually(f"v{ordinal}", lambda n=ordinal: newest(stack) == n, SECONDS)
    return stack


def newest(stack: Stack) -> int:
    versions = stack.api("alice").dataset_versions(PRODUCT, DATASET)["versions"]
    return int(versions[0]["ordinal"]) if versions else 0


def history(stack: Stack, name: str = "alice") -> HistoryClient:
    return HistoryClient(stack.api(name), PRODUCT, DATASET)


def finished(stack: Stack, asked: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = history(stack).diff_report(asked["id"])
        return found if found["state"] in ("done", "failed") else None

    report = asked if asked["state"] == "done" else eventually("the diff done", look, SECONDS)
    assert (report["state"], report["problem"]) == ("done", "")
    return report


def run(stack: Stack, folder: Path, *line: str) -> tuple[int, str]:
    """One command line of alice's: exit code, standard output."""
    out, notes = io.StringIO(), io.StringIO()
    environ = {"HEADGATE_API_URL": stack.state.api_url, "HEADGATE_TOKEN": stack.token("alice")}
    code = execute(
        line,
        environ=environ,
        folder=folder,
        out=Console(file=out, width=100),
        notes=Console(file=notes, width=100),
        transport=urllib_transport(),
    )
    return code, out.getvalue() + notes.getvalue()


def test_manifests_are_told_at_once_and_rows_when_they_are_compared(stock: Stack) -> None:
    asked = history(stock).diff("v1", "v2", None, 20)

    assert asked["files"] == {
        **{"shared": 1, "shared_rows": 2, "removed": 0, "removed_rows": 0},
        **{"added": 1, "added_rows": 1},
    }
    report = finished(stock, asked)
    assert (report["rows"]["added"], report["unchanged"], report["different"]) == (1, 2, True)
    (added,) = report["rows"]["samples"]["added"]
    assert added["values"] == {"item": "gear", "shop": "south", "price": "3.50", "supplier": "(restricted)"}
    assert "Bolts & Co" not in json.dumps(asked) + json.dumps(report)


def test_the_command_shows_an_overwrite_and_its_exit_code_tells(stock: Stack, tmp_path: Path) -> None:
    code, text = run(stock, tmp_path, "data", "diff", f"{PRODUCT}/{DATASET}", "v2", "--exit-code")

    assert code == 1, text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "rows by item",
        "+0 added -1 removed ~1 changed 1 unchanged",
        "- gear south 3.50 (restricted)",
        "~ bolt price 2.00 2.25",
    ):
        assert line in lines, text


def test_a_version_is_no_different_from_itself(stock: Stack, tmp_path: Path) -> None:
    code, text = run(stock, tmp_path, "data", "diff", f"{PRODUCT}/{DATASET}", "v3", "--exit-code")
    assert (code, text.splitlines()[0]) == (0, "no difference: both are v3 of goods"), text


def test_who_may_not_diff_is_refused(stock: Stack) -> None:
    with pytest.raises(ApiRefused, match="headgate:DiffVersions"):
        history(stock, "bob").diff("v1", "v2", None, 20)


def test_an_erased_subject_is_in_no_report(stock: Stack) -> None:
    alice = stock.api("alice")
    before = finished(stock, history(stock).diff("v2", "v3", None, 20))
    assert before["rows"]["samples"]["removed"][0]["values"]["item"] == "gear"
    asked = alice.erase(PRODUCT, DATASET, ["item"], [["gear"]], "asked for", dry_run=False)
    eventually("the erasure", lambda: alice.erasure(PRODUCT, asked["id"])["state"] == "erased", SECONDS)

    s3, bucket = stock.administrator("s3"), stock.outputs["LakeBucketName"]
    listed = s3.list_object_versions(Bucket=bucket, Prefix=f"{PRODUCT}/diffs/")
    with pytest.raises(ApiRefused, match="ask for it again"):
        history(stock).diff_report(before["id"])
    after = finished(stock, history(stock).diff("v2", "v3", None, 20))

    assert listed.get("Versions", []) == []
    assert (after["rows"]["removed"], after["rows"]["changed"]) == (0, 1)


def test_nothing_was_given_up(stock: Stack) -> None:
    stock.drained("Maintain")
    assert stock.given_up() == {}
    assert not [line.message for line in stock.log("maintain") if line.failed]
