"""The API's door, with real events: who comes in, who is refused, who is unknown; what is never logged."""

import importlib.util
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from headgate import entrypoint
from headgate.adapters.identity.memory import KnownTokens
from headgate.domain.errors import ConfigurationError, InvalidRequest
from headgate.domain.identity import Principal, TokenFault, TokenRefused
from headgate.services.governance.authorize_request import AuthorizeRequest, AuthorizeSettings, stage_pattern
from headgate_local.issuer import AUDIENCE, ISSUER, LocalIssuer

from tests.unit.governance.given import Signer, claims, events, segment, with_changed_claims

ROOT = Path(__file__).resolve().parents[3]
EVENTS = events(ROOT / "events" / "authorize")
STAGE = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev"
CONTEXT = SimpleNamespace(aws_request_id="00000000-0000-4000-8000-000000000001")
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

# What each event must come to: the principal let in, "Deny", or the fault that makes it a 401.
OUTCOMES = {
    "known-user-reads-products": "user/alice",
    "known-user-asks-for-predictions": "user/carol",
    "path-with-escaped-characters": "user/bob",
    "suspended-user": "Deny",
    "no-token": TokenFault.MISSING,
    "empty-header": TokenFault.MISSING,
    "basic-credentials": TokenFault.MALFORMED,
    "scheme-without-token": TokenFault.MALFORMED,
    "two-tokens": TokenFault.MALFORMED,
    "not-a-token": TokenFault.MALFORMED,
    "expired-token": TokenFault.EXPIRED,
    "token-for-another-audience": TokenFault.WRONG_AUDIENCE,
    "token-of-another-issuer": TokenFault.WRONG_ISSUER,
    "token-signed-by-an-unknown-key": TokenFault.UNKNOWN_KEY,
    "token-with-changed-claims": TokenFault.BAD_SIGNATURE,
    "unsigned-token": TokenFault.ALGORITHM,
}


def tokens(local: LocalIssuer, folder: Path) -> dict[str, str]:
    """What the placeholders of the events stand for: no token lies in the repository."""
    now = datetime.now(UTC)
    foreign = LocalIssuer(folder, issuer="https://evil.example")
    return {
        **{name: local.issue_for(name) for name in ("alice", "bob", "carol")},
        "suspended": local.issue("dora", tags={"suspended": "true"}),
        "expired": local.issue_for("alice", ttl=timedelta(hours=-1)),
        "other-audience": local.issue_for("alice", audience="another"),
        "other-issuer": foreign.issue("alice"),
        "unknown-key": Signer("nobody-knows").sign(claims(now)),
        "changed": with_changed_claims(local.issue_for("bob"), groups=["ml-engineers"]),
        "unsigned": f"{segment({'alg': 'none', 'kid': local.key_id})}.{segment(claims(now))}.",
    }


def event(path: Path, known: dict[str, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    if "authorizationToken" in loaded:
        filled = re.sub(r"<([a-z-]+)>", lambda found: known[found[1]], loaded["authorizationToken"])
        loaded["authorizationToken"] = filled
    return loaded


def load_app() -> ModuleType:
    """The function as Lambda loads it, fresh: nothing wired yet."""
    spec = importlib.util.spec_from_file_location(
        "authorize_app", ROOT / "functions" / "authorize" / "app.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def local(tmp_path: Path) -> LocalIssuer:
    return LocalIssuer(tmp_path)


@pytest.fixture
def handler(local: LocalIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handler:
    environment = {
        "IDENTITY_ISSUER": ISSUER,
        "IDENTITY_AUDIENCE": AUDIENCE,
        "IDENTITY_JWKS": local.jwks(),
        # Loggers of one name share one stream for good; this test's must write where this test looks.
        "POWERTOOLS_SERVICE_NAME": f"authorize-{tmp_path.name}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    entrypoint.logger.cache_clear()
    answer: Handler = load_app().handler
    return answer


def test_every_event_has_its_outcome() -> None:
    assert {path.stem for path in EVENTS} == set(OUTCOMES)


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_each_event_comes_to_its_outcome(
    path: Path, handler: Handler, local: LocalIssuer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a real event with a real token
    known = tokens(local, tmp_path)
    sent = event(path, known)
    outcome = OUTCOMES[path.stem]
    # When the function is invoked
    if isinstance(outcome, TokenFault):
        # Then it raises the one message that API Gateway turns into a 401
        with pytest.raises(Exception, match="^Unauthorized$"):
            handler(sent, CONTEXT)
    else:
        answer = handler(sent, CONTEXT)
        # or answers with a policy over the whole stage
        effect = "Deny" if outcome == "Deny" else "Allow"
        assert answer["policyDocument"] == {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{STAGE}/*"}],
        }
        assert answer["principalId"] == ("user/dora" if outcome == "Deny" else outcome)
    # and the log says why, in one line, without any token
    written = capsys.readouterr().err
    logged = json.loads(written)
    assert logged["request_id"] == CONTEXT.aws_request_id
    assert logged.get("fault") == (outcome if isinstance(outcome, TokenFault) else None)
    assert not any(token in written for token in known.values())
    assert "YWxpY2U6YWxpY2U=" not in written


def test_the_context_carries_the_principal_to_the_function_behind(
    handler: Handler, local: LocalIssuer
) -> None:
    # Given alice's request let in
    sent = {"authorizationToken": f"Bearer {local.issue_for('alice')}", "methodArn": f"{STAGE}/GET/products"}
    answer = handler(sent, CONTEXT)
    # Then the function behind can build the same principal from flat strings
    assert answer["context"] == {"groups": "ml-engineers", "tags": '{"team":"flights"}', "subject": "alice"}
    expected = Principal("user/alice", ("ml-engineers",), {"team": "flights"})
    assert Principal.from_context(answer["principalId"], answer["context"]) == expected


def test_a_function_without_its_settings_names_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ISSUER", "IDENTITY_AUDIENCE", "IDENTITY_JWKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="IDENTITY_ISSUER, IDENTITY_AUDIENCE, IDENTITY_JWKS"):
        load_app().handler({"methodArn": f"{STAGE}/GET/products"}, CONTEXT)


def test_an_empty_setting_is_a_missing_one() -> None:
    given = {"IDENTITY_ISSUER": ISSUER, "IDENTITY_AUDIENCE": " ", "IDENTITY_JWKS": "{}"}
    with pytest.raises(ConfigurationError, match="empty: IDENTITY_AUDIENCE$"):
        AuthorizeSettings.from_env(given)
    full = {**given, "IDENTITY_AUDIENCE": AUDIENCE}
    assert AuthorizeSettings.from_env(full) == AuthorizeSettings(ISSUER, AUDIENCE, "{}")


@pytest.mark.parametrize("header", ["Bearer t", "bearer t", "BEARER   t ", " Bearer t"])
def test_the_scheme_is_read_in_any_case(header: str) -> None:
    authorize = AuthorizeRequest(KnownTokens({"t": Principal("user/carol")}))
    assert authorize(header, f"{STAGE}/GET/products").effect == "Allow"


def test_an_unknown_caller_is_refused_whatever_the_path() -> None:
    with pytest.raises(TokenRefused):
        AuthorizeRequest(KnownTokens({}))("Bearer t", f"{STAGE}/GET/v2/health/live")


@pytest.mark.parametrize(
    ("arn", "pattern"),
    [
        (f"{STAGE}/GET/products", f"{STAGE}/*"),
        (f"{STAGE}/GET/", f"{STAGE}/*"),
        (
            "arn:aws-cn:execute-api:cn-north-1:1:api/prod/POST/a:b/c",
            "arn:aws-cn:execute-api:cn-north-1:1:api/prod/*",
        ),
    ],
)
def test_the_answer_covers_the_stage_that_was_called(arn: str, pattern: str) -> None:
    assert stage_pattern(arn) == pattern


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "x",
        "arn:aws:s3:::bucket/key/x",
        "arn:aws:execute-api:r:1:api",
        "arn:aws:execute-api:r:1:/dev/GET/",
    ],
)
def test_what_is_no_method_is_refused(arn: str) -> None:
    with pytest.raises(InvalidRequest, match="no ARN of an API method"):
        stage_pattern(arn)
