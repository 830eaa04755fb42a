"""The Signer contract: what was signed verifies, nothing else does."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256

import pytest

from tests.unit.adapters.backends import Backend

DIGEST, OTHER = sha256(b"statement").digest(), sha256(b"another").digest()


class TestSigner:
    def test_what_was_signed_verifies(self, backend: Backend) -> None:
        signature = backend.signer.sign(DIGEST)

        assert backend.signer.verify(DIGEST, signature)
        assert backend.signer.verify(DIGEST, backend.signer.sign(DIGEST))

    def test_another_digest_does_not(self, backend: Backend) -> None:
        assert not backend.signer.verify(OTHER, backend.signer.sign(DIGEST))

    @pytest.mark.parametrize("value", ["", "no base64!", b64encode(b"x" * 70).decode(), "A" * 9000])
    def test_another_value_does_not(self, backend: Backend, value: str) -> None:
        signature = backend.signer.sign(DIGEST)

        assert not backend.signer.verify(DIGEST, replace(signature, value=value))

    def test_one_changed_bit_does_not(self, backend: Backend) -> None:
        signature = backend.signer.sign(DIGEST)
        value = bytearray(b64decode(signature.value))
        value[-1] ^= 1

        assert not backend.signer.verify(DIGEST, replace(signature, value=b64encode(value).decode()))

    def test_a_signature_by_another_key_does_not_whatever_key_it_names(self, backend: Backend) -> None:
        foreign = backend.other_signer.sign(DIGEST)

        assert backend.other_signer.verify(DIGEST, foreign)
        assert not backend.signer.verify(DIGEST, foreign)
        ours = backend.signer.sign(DIGEST)
        assert not backend.signer.verify(DIGEST, replace(foreign, key=ours.key))

    def test_another_algorithm_does_not(self, backend: Backend) -> None:
        signature = backend.signer.sign(DIGEST)

        assert not backend.signer.verify(DIGEST, replace(signature, algorithm="NONE"))
