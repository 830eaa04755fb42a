"""The developer's issuer: its tokens are good for the verifier, and its key is nobody else's."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from headgate.adapters.identity.jwt_verifier import JwtVerifier
from headgate.domain.identity import Principal, TokenFault, TokenRefused
from headgate_local.issuer import AUDIENCE, ISSUER, KEY_FILE, PEOPLE, LocalIssuer

from tests.unit.governance.given import NOON


def issuer(folder: Path) -> LocalIssuer:
    return LocalIssuer(folder, now=lambda: NOON)


def verifier(of: LocalIssuer) -> JwtVerifier:
    return JwtVerifier(of.jwks(), ISSUER, AUDIENCE, now=lambda: NOON)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *(("alice", "ml-engineers"), ("erin", "ml-engineers")),
        *(("bob", "data-scientists"), ("carol", "consumers")),
    ],
)
def test_everyone_of_the_demo_is_who_the_verifier_says(tmp_path: Path, name: str, group: str) -> None:
    local = issuer(tmp_path)
    principal = verifier(local).verify(local.issue_for(name))
    assert principal == Principal(f"user/{name}", (group,), PEOPLE[name].tags)


def test_a_token_says_what_it_was_issued_with(tmp_path: Path) -> None:
    local = issuer(tmp_path)
    token = local.issue("dora", ["a", "b"], {"team": "x"}, ttl=timedelta(minutes=1))
    assert verifier(local).verify(token) == Principal("user/dora", ("a", "b"), {"team": "x"})


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ({"ttl": timedelta(minutes=-5)}, TokenFault.EXPIRED),
        ({"audience": "another"}, TokenFault.WRONG_AUDIENCE),
    ],
)
def test_lifetime_and_audience_are_the_issuers_to_set(
    tmp_path: Path, token: dict[str, object], fault: TokenFault
) -> None:
    local = issuer(tmp_path)
    with pytest.raises(TokenRefused) as refused:
        verifier(local).verify(local.issue("dora", **token))  # type: ignore[arg-type]
    assert refused.value.fault == fault


def test_the_key_stays_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    # Given an issuer that made its key
    folder = tmp_path / "state" / "identity"
    first = issuer(folder)
    # Then a second one has the same, and the file is its owner's alone
    assert issuer(folder).jwks() == first.jwks()
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    issuer(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(PermissionError, match="others can read"):
        issuer(tmp_path)


def test_issuers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    # Given several at the same moment, again and again
    together = Barrier(4)

    def start(attempt: int) -> str:
        together.wait(timeout=30)
        return issuer(tmp_path / str(attempt)).key_id

    with ThreadPoolExecutor(4) as pool:
        for attempt in range(25):
            # Then all of them have the key of the first
            assert len(set(pool.map(start, [attempt] * 4))) == 1


def test_the_key_set_holds_the_public_half_only(tmp_path: Path) -> None:
    keys = json.loads(issuer(tmp_path).jwks())["keys"]
    assert [sorted(key) for key in keys] == [["alg", "crv", "kid", "kty", "use", "x"]]


def test_someone_unknown_is_refused_with_who_there_is(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="nobody is called 'mallory' here; there are alice, bob, carol, erin"
    ):
        issuer(tmp_path).issue_for("mallory")
