"""Bearer tokens: a good one names its principal, and every bad one is refused for its own reason."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from headgate.adapters.identity.jwt_verifier import JwtVerifier
from headgate.adapters.identity.memory import KnownTokens
from headgate.domain.errors import ConfigurationError
from headgate.domain.identity import Principal, TokenFault, TokenRefused, TokenVerifier
from headgate_local.issuer import AUDIENCE, ISSUER
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.governance.given import (
    NOON,
    Signer,
    base64url,
    claims,
    jwks,
    later,
    segment,
    with_changed_claims,
)

KEY = Signer("key-1")
OTHER = Signer("key-2")


def verifier(*signers: Signer, now: datetime = NOON) -> JwtVerifier:
    return JwtVerifier(jwks(*(signers or (KEY,))), ISSUER, AUDIENCE, now=lambda: now)


def refusal(token: str, judge: JwtVerifier | None = None) -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        (judge or verifier()).verify(token)
    return refused.value


@dataclass
class Case:
    """One adapter of the port, with a token it takes and whose it is."""

    verifier: TokenVerifier
    token: str
    principal: Principal


def real() -> Case:
    return Case(
        verifier(), KEY.sign(claims()), Principal("user/alice", ("ml-engineers",), {"team": "flights"})
    )


def fake() -> Case:
    carol = Principal("user/carol")
    return Case(KnownTokens({"t-1": carol}), "t-1", carol)


class TestEveryVerifier:
    """The contract that the real adapter and the in-memory one share."""

    @pytest.mark.parametrize("case", [real, fake])
    def test_takes_a_good_token(self, case: Callable[[], Case]) -> None:
        given = case()
        assert given.verifier.verify(given.token) == given.principal

    @pytest.mark.parametrize("case", [real, fake])
    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "Bearer x", "é.é.é", "\ud800", "." * 9000])
    def test_refuses_every_other_token_with_a_fault_and_a_sentence(
        self, case: Callable[[], Case], token: str
    ) -> None:
        with pytest.raises(TokenRefused) as refused:
            case().verifier.verify(token)
        assert refused.value.fault in TokenFault
        assert " " in str(refused.value)
        assert refused.value.status == 401


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
def test_the_three_algorithms_are_taken_with_the_key_the_token_names(algorithm: str) -> None:
    # Given a key set with two keys of each kind
    signers = [Signer(f"{name}-{n}", name) for name in ("EdDSA", "ES256", "RS256") for n in (1, 2)]
    judge = verifier(*signers)
    for signer in signers:
        # Then a token is verified with the key it names, and with no other
        assert judge.verify(signer.sign(claims())).id == "user/alice"
        wrong = next(each for each in signers if each.algorithm == signer.algorithm and each is not signer)
        assert refusal(signer.sign(claims(), kid=wrong.kid), judge).fault == TokenFault.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("changed", "fault", "sentence"),
    [
        (
            {"exp": int(later(minutes=-10).timestamp())},
            TokenFault.EXPIRED,
            "the token expired 10 minutes ago: log in",
        ),
        ({"exp": int(later(days=-3).timestamp())}, TokenFault.EXPIRED, "the token expired 3 days ago"),
        (
            {"nbf": int(later(minutes=5).timestamp())},
            TokenFault.NOT_YET_VALID,
            "holds in 5 minutes only (nbf)",
        ),
        ({"iat": int(later(hours=3).timestamp())}, TokenFault.NOT_YET_VALID, "holds in 3 hours only (iat)"),
        ({"aud": "another"}, TokenFault.WRONG_AUDIENCE, "issued for another audience than headgate"),
        ({"aud": ["a", "b"]}, TokenFault.WRONG_AUDIENCE, "another audience"),
        (
            {"iss": "https://evil.example"},
            TokenFault.WRONG_ISSUER,
            "does not come from https://headgate.local",
        ),
        ({"sub": None}, TokenFault.UNUSABLE_CLAIMS, "no claim sub"),
        ({"exp": None}, TokenFault.UNUSABLE_CLAIMS, "no claim exp"),
        ({"iat": None}, TokenFault.UNUSABLE_CLAIMS, "no claim iat"),
        ({"aud": None}, TokenFault.UNUSABLE_CLAIMS, "no claim aud"),
        ({"iss": None}, TokenFault.UNUSABLE_CLAIMS, "no claim iss"),
        ({"exp": "tomorrow"}, TokenFault.UNUSABLE_CLAIMS, "exp is no time"),
        ({"exp": True}, TokenFault.UNUSABLE_CLAIMS, "exp is no time"),
        ({"exp": 1e300}, TokenFault.UNUSABLE_CLAIMS, "exp is no time"),
        ({"nbf": -5}, TokenFault.UNUSABLE_CLAIMS, "nbf is no time"),
        ({"sub": "*"}, TokenFault.UNUSABLE_CLAIMS, "'user/*' names no principal"),
        ({"sub": "../service/train"}, TokenFault.UNUSABLE_CLAIMS, "names no principal"),
        ({"groups": "ml-engineers"}, TokenFault.UNUSABLE_CLAIMS, "groups are not a list"),
        ({"groups": ["a,b"]}, TokenFault.UNUSABLE_CLAIMS, "names no group"),
        ({"groups": [3]}, TokenFault.UNUSABLE_CLAIMS, "list of names"),
        ({"tags": ["x"]}, TokenFault.UNUSABLE_CLAIMS, "tags are an object"),
        ({"tags": {"team": 3}}, TokenFault.UNUSABLE_CLAIMS, "the tag team needs"),
    ],
)
def test_a_well_signed_token_with_wrong_claims_is_refused_for_its_own_reason(
    changed: dict[str, Any], fault: TokenFault, sentence: str
) -> None:
    refused = refusal(KEY.sign(claims(**changed)))
    assert refused.fault == fault
    assert sentence in str(refused)


@pytest.mark.parametrize(
    ("now", "good"),
    [
        (later(seconds=3600 + 29), True),
        (later(seconds=3600 + 30), False),
        (later(seconds=-30), True),
        (later(seconds=-31), False),
    ],
)
def test_clocks_may_differ_by_thirty_seconds(now: datetime, good: bool) -> None:
    # Given a token good from noon for an hour
    token = KEY.sign(claims())
    # Then half a minute either way is forgiven
    judge = verifier(now=now)
    if good:
        assert judge.verify(token).id == "user/alice"
    else:
        assert refusal(token, judge).fault in (TokenFault.EXPIRED, TokenFault.NOT_YET_VALID)


def test_groups_and_tags_may_be_absent_and_audiences_many() -> None:
    token = KEY.sign(claims(groups=None, tags=None, nbf=None, aud=["other", AUDIENCE]))
    assert verifier().verify(token) == Principal("user/alice")


def unsigned() -> str:
    return f"{segment({'alg': 'none', 'kid': 'key-1'})}.{segment(claims())}."


def signed_with_the_public_key_as_a_secret() -> str:
    """The classic confusion: a public key used as an HMAC secret."""
    signed = f"{segment({'alg': 'HS256', 'kid': 'key-1'})}.{segment(claims())}"
    mac = hmac.digest(json.dumps(KEY.public()).encode(), signed.encode(), "sha256")
    return f"{signed}.{base64url(mac)}"


def changed_after_signing() -> str:
    return with_changed_claims(KEY.sign(claims()), sub="mallory")


def cut_short() -> str:
    return KEY.sign(claims())[:-2]


def nested(levels: int = 1400) -> str:
    """A header of brackets only: a parser that recurses would fall over it."""
    return f"{base64url(b'[' * levels)}.e30.e30"


@pytest.mark.parametrize(
    ("forge", "fault", "sentence"),
    [
        (unsigned, TokenFault.ALGORITHM, "signed with 'none'; one of ES256, EdDSA, RS256 is needed"),
        (signed_with_the_public_key_as_a_secret, TokenFault.ALGORITHM, "signed with 'HS256'"),
        (
            lambda: Signer("key-1", "ES256").sign(claims()),
            TokenFault.ALGORITHM,
            "key is for EdDSA, not ES256",
        ),
        (lambda: OTHER.sign(claims()), TokenFault.UNKNOWN_KEY, "names the key 'key-2', which is not known"),
        (lambda: KEY.sign(claims(), kid=None), TokenFault.UNKNOWN_KEY, "names the key nothing"),
        (lambda: Signer("key-1").sign(claims()), TokenFault.BAD_SIGNATURE, "signature does not fit"),
        (changed_after_signing, TokenFault.BAD_SIGNATURE, "signature does not fit"),
        (cut_short, TokenFault.BAD_SIGNATURE, "signature does not fit"),
        (lambda: KEY.sign(claims(), crit=["x"], x=1), TokenFault.MALFORMED, "not a JSON Web Token"),
        (lambda: KEY.sign(claims(aud=3)), TokenFault.WRONG_AUDIENCE, "another audience"),
        (lambda: KEY.sign(claims(sub=3)), TokenFault.UNUSABLE_CLAIMS, "no text"),
        (nested, TokenFault.MALFORMED, "not a JSON Web Token"),
        (lambda: nested(6000), TokenFault.MALFORMED, "not a JSON Web Token"),
        (lambda: KEY.sign(claims(pad="x" * 9000)), TokenFault.MALFORMED, "not a JSON Web Token"),
    ],
)
def test_a_forged_token_is_refused_for_its_own_reason(
    forge: Callable[[], str], fault: TokenFault, sentence: str
) -> None:
    refused = refusal(forge())
    assert refused.fault == fault
    assert sentence in str(refused)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(), st.lists(st.binary(max_size=40), min_size=3, max_size=3)))
def test_no_token_whatever_makes_the_verifier_fail_otherwise(text: str | list[bytes]) -> None:
    # Given any text, or three segments of any bytes
    token = text if isinstance(text, str) else ".".join(map(base64url, text))
    # Then it is refused, and nothing else is raised
    refusal(token)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_one_changed_character_spoils_a_token(data: st.DataObject) -> None:
    token = KEY.sign(claims())
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("AQgw_-").filter(lambda c: c != token[at]))
    refusal(token[:at] + letter + token[at + 1 :])


def test_no_refusal_repeats_the_token() -> None:
    # Given refusals of each stage
    for token in (KEY.sign(claims(aud="x")), OTHER.sign(claims()), changed_after_signing()):
        refused = refusal(token)
        # Then neither the signature nor the payload can be read in them
        assert not any(part in str(refused) for part in token.split("."))


SECRET = {"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", 'a list "keys"'),
        ('{"keys": {}}', 'a list "keys"'),
        ('{"keys": []}', "has no key for ES256, EdDSA, RS256"),
        ('{"keys": [3]}', "key 0 is not a JSON object"),
        (json.dumps({"keys": [SECRET]}), "a private or shared key"),
        (json.dumps({"keys": [{**KEY.public(), "d": "x"}]}), "a private or shared key"),
        (json.dumps({"keys": [{k: v for k, v in KEY.public().items() if k != "kid"}]}), "key 0 has no kid"),
        (json.dumps({"keys": [KEY.public(), KEY.public()]}), "key 1 has the kid 'key-1' of another key"),
        (json.dumps({"keys": [{**KEY.public(), "x": "AA"}]}), "key 0 cannot be read"),
        (json.dumps({"keys": [{**KEY.public(), "use": "enc"}]}), "has no key for"),
        (json.dumps({"keys": [{**KEY.public(), "alg": "ES384"}]}), "has no key for"),
        (jwks(Signer("r", "RS256", rsa.generate_private_key(65537, 1024))), "1024 bits; at least 2048"),
    ],
)
def test_an_unusable_key_set_stops_the_deployment_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        JwtVerifier(text, ISSUER, AUDIENCE, now=lambda: NOON)
    assert why in str(refused.value)


def test_keys_for_other_uses_are_passed_over() -> None:
    other = {"kty": "EC", "crv": "P-384", "kid": "z", "x": "AA", "y": "AA"}
    judge = JwtVerifier(json.dumps({"keys": [other, KEY.public()]}), ISSUER, AUDIENCE, now=lambda: NOON)
    assert judge.verify(KEY.sign(claims())).id == "user/alice"
