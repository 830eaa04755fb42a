"""Principals: their names can never be read as patterns, and they survive the way through the authorizer."""

from typing import Any

import pytest
from headgate.domain.identity import Principal
from hypothesis import given, settings
from hypothesis import strategies as st

words = st.text(alphabet="abcXYZ019_.@+=:|-", min_size=1, max_size=20)
tags = st.dictionaries(st.text(alphabet="abc-", min_size=1, max_size=5), st.text("xyz ,\"'{}é"), max_size=3)


@settings(deadline=None)
@given(words, st.lists(words, max_size=4), tags)
def test_a_principal_survives_the_authorizers_context(
    name: str, groups: list[str], tags: dict[str, str]
) -> None:
    # Given any principal
    principal = Principal(f"user/{name}", tuple(groups), tags)
    # When it travels as the authorizer's flat strings
    context = principal.to_context()
    # Then it arrives as it was
    assert all(isinstance(value, str) for value in context.values())
    assert Principal.from_context(principal.id, context) == principal
    assert context["subject"] == name


def test_groups_have_one_form_and_one_order() -> None:
    principal = Principal("user/alice", ("b", "group/a", "a"))
    assert principal.groups == ("group/a", "group/b")
    assert principal.names == {"user/alice", "group/a", "group/b"}


def test_an_absent_context_is_a_principal_without_groups() -> None:
    assert Principal.from_context("service/train", {}) == Principal("service/train")


@pytest.mark.parametrize(
    ("name", "groups", "tags"),
    [
        ("alice", (), {}),
        ("user/", (), {}),
        ("user/*", (), {}),
        ("group/x", (), {}),
        ("user/a/b", (), {}),
        ("user/a b", (), {}),
        ("user/a\n", (), {}),
        ("user/" + "a" * 129, (), {}),
        ("user/a", ("x,y",), {}),
        ("user/a", ("*",), {}),
        ("user/a", ("user/b/c",), {}),
        ("user/a", "abc", {}),
        ("user/a", (3,), {}),
        ("user/a", tuple(f"g{n}" for n in range(65)), {}),
        ("user/a", (), []),
        ("user/a", (), {"k": 3}),
        ("user/a", (), {"k": "a\nb"}),
        ("user/a", (), {"k": "x" * 257}),
        ("user/a", (), {"": "x"}),
        ("user/a", (), {"Team": "x", "team": "y"}),
        ("user/a", (), {f"k{n}": "" for n in range(51)}),
    ],
)
def test_a_malformed_principal_is_refused(name: str, groups: Any, tags: Any) -> None:
    with pytest.raises(ValueError, match="principal|group|tag"):
        Principal(name, groups, tags)
