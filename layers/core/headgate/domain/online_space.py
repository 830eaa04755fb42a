"""Where a view's rows lie in the online store: a space for each way of making them. Pure.

Values that were made in two ways are two features, though they bear one name: degrees Celsius and Fahrenheit.
So a view whose SQL changes gets a new space, and a model is answered from the one it learnt from. What
changes no value (tests, partitions, how long a value may be used) changes no space.
"""

from headgate.domain.canonical import digest
from headgate.domain.feature import FeatureView
from headgate.domain.feature_set import FeatureSet, in_order

_DIGITS = 12


def online_space(feature_set: FeatureSet, view: FeatureView) -> str:
    """``<feature set>.<view>@<12 hex digits>``. The digits are of the SQL and times of the view and of every
    view that it reads, and of the set's seed.
    """
    known = {v.name: v for v in feature_set.built}
    made = [[v.name, v.sql, list(v.entity), v.event_time, v.known_at] for v in in_order([view], known)]
    return f"{feature_set.name}.{view.name}@{digest([made, feature_set.seed])[:_DIGITS]}"


def online_spaces(feature_set: FeatureSet) -> dict[str, str]:
    """The space of each online view, by name."""
    return {v.name: online_space(feature_set, v) for v in feature_set.views if v.online}


def space_names(space: str) -> tuple[str, str]:
    """The feature set and the view that a space is of."""
    feature_set, _, rest = space.partition(".")
    return feature_set, rest.partition("@")[0]
