"""Pictures of an experiment as PNG: what was tried beside what it was worth, and how each trial learnt.

Owns how they look. Rows are the trials of ``GET /products/{product}/experiments/{experiment}``. matplotlib is
imported when a picture is drawn: no other command waits for it.
"""

import io
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]
Scale = Callable[[Any], float]
DOTS_PER_INCH = 120
WIDE = 100.0
"""Numbers whose largest is so many times their smallest are laid out by their logarithm."""
MOST_TICKS = 6
SPREAD = 0.05
"""Trials that share a value pass its axis side by side, the better ones higher, within this share of it."""
CURVE = tuple(step / 24 for step in range(25))
LABEL = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
GREY, BEST = "#b0b0b0", "#d62728"


def parallel_coordinates(rows: Sequence[Row], metric: str) -> bytes:
    """A line a trial, over an axis for each parameter that differs and one for the metric. The best is red; a
    trial without the metric is a dotted line that ends at its parameters.
    """
    names = searched(rows)
    columns = [*names, metric]
    values = [{**_params(row), metric: row.get("metrics", {}).get(metric)} for row in rows]
    figure = _figure(max(5.0, 1.7 * len(columns)), 4.2)
    axes = figure.add_subplot()
    scales = {name: _scale([value.get(name) for value in values]) for name in columns}
    colours = _colours([value[metric] for value in values])
    places = _places(values, columns, scales)
    for row, value, colour, heights in zip(rows, values, colours, places, strict=True):
        style = _line(row, colour, "-" if _is(value[metric]) else ":")
        axes.plot(
            *_smooth([(at, height) for at, height in enumerate(heights) if height is not None]), **style
        )
    for at, name in enumerate(columns):
        _axis(axes, at, [value.get(name) for value in values], scales[name])
    axes.set_xticks(range(len(columns)), columns)
    axes.set_xlim(-0.25, len(columns) - 0.4)
    axes.set_ylim(-0.08, 1.08)
    axes.yaxis.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"{len(rows)} trials by {metric}; the best is red", fontsize="medium")
    return _png(figure)


def learning_curves(rows: Sequence[Row], metric: str | None = None) -> bytes:
    """A curve a trial over its iterations, of ``metric`` or of what the trainers kept; the best is red."""
    figure = _figure(7.0, 4.2)
    axes = figure.add_subplot()
    curves = [(row, row.get("learning_curve") or []) for row in rows]
    name = _kept([point for _, curve in curves for point in curve], metric)
    names = searched(rows)
    for row, curve in curves:
        points = [(p["iteration"], p[name]) for p in curve if name is not None and _is(p.get(name))]
        if points:
            label = f"best: {named(row, names)}"[:90] if row.get("best") else None
            style = _line(row, GREY, "-")
            axes.plot([x for x, _ in points], [y for _, y in points], label=label, **style)
    axes.set_xlabel("iteration")
    axes.set_ylabel(name.replace("_", " ") if name else "no trial kept a learning curve")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize="small")
    axes.set_title("How each trial learnt", fontsize="medium")
    return _png(figure)


def searched(rows: Sequence[Row]) -> list[str]:
    """The parameters whose values differ between trials, or all when none does."""
    names = sorted({name for row in rows for name in _params(row)})
    differ = [name for name in names if len({repr(_params(row).get(name)) for row in rows}) > 1]
    return differ or names


def _places(
    values: Sequence[Mapping[str, Any]], columns: Sequence[str], scales: Mapping[str, Scale]
) -> list[list[float | None]]:
    """Where each trial passes each axis, from 0 to 1; on the last one, the metric's, exactly at its value."""
    metric = columns[-1]
    worth = [scales[metric](value[metric]) if _is(value.get(metric)) else -1.0 for value in values]
    order = sorted(range(len(values)), key=lambda row: worth[row])
    rank = {row: place / max(1, len(order) - 1) - 0.5 for place, row in enumerate(order)}
    shared = {name for name in columns[:-1] if len({repr(value.get(name)) for value in values}) < len(values)}

    def place(row: int, name: str) -> float | None:
        value = values[row].get(name)
        aside = SPREAD * rank[row] if name in shared else 0.0
        return scales[name](value) + aside if _is(value) else None

    return [[place(row, name) for name in columns] for row in range(len(values))]


def _smooth(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float]]:
    """Curves between the points, level at each: a line can be followed through a point that many share."""
    across, up = [float(at) for at, _ in points[:1]], [height for _, height in points[:1]]
    for (left, low), (right, high) in itertools.pairwise(points):
        across += [left + (right - left) * t for t in CURVE[1:]]
        up += [low + (high - low) * t * t * (3 - 2 * t) for t in CURVE[1:]]
    return across, up


def _params(row: Row) -> Mapping[str, Any]:
    params: Mapping[str, Any] = row.get("params") or {}
    return params


def _is(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _numbers(values: Sequence[Any]) -> list[float] | None:
    """The values as numbers, or None where one is none: those are told apart by name."""
    known = [value for value in values if _is(value)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in known):
        return None
    return [float(value) for value in known]


def _scale(values: Sequence[Any]) -> Scale:
    """Where a value lies on its axis, from 0 to 1."""
    numbers = _numbers(values)
    if numbers is None:
        names = sorted({str(value) for value in values if _is(value)})
        return lambda value: names.index(str(value)) / max(1, len(names) - 1)
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    if low == high:
        return lambda _: 0.5
    if low > 0 and high / low >= WIDE:
        return lambda value: math.log(value / low) / math.log(high / low)
    return lambda value: (value - low) / (high - low)


def _axis(axes: "Axes", at: int, values: Sequence[Any], scale: Scale) -> None:
    """A line with the values on it: all where they are few, else the ends and the middle."""
    axes.axvline(at, color="black", linewidth=0.8)
    distinct = sorted({v for v in values if _is(v)}, key=lambda value: (scale(value), str(value)))
    if len(distinct) > MOST_TICKS:
        distinct = [distinct[0], distinct[len(distinct) // 2], distinct[-1]]
    for value in distinct:
        look: dict[str, Any] = {"fontsize": "x-small", "va": "center", "bbox": LABEL}
        axes.annotate(_short(value), (at, scale(value)), (7, 0), textcoords="offset points", **look)


def _colours(values: Sequence[Any]) -> list[Any]:
    from matplotlib import colormaps

    scale, shades = _scale(values), colormaps["viridis"]
    return [shades(0.1 + 0.8 * scale(value)) if _is(value) else GREY for value in values]


def _line(row: Row, colour: Any, style: str) -> dict[str, Any]:
    if row.get("best"):
        return {"color": BEST, "linewidth": 2.2, "linestyle": style, "zorder": 3}
    return {"color": colour, "linewidth": 1.0, "linestyle": style, "alpha": 0.85}


def _kept(points: Sequence[Mapping[str, Any]], metric: str | None) -> str | None:
    names = sorted({name for point in points for name in point if name != "iteration"})
    if metric in names:
        return metric
    return names[0] if names else None


def named(row: Row, names: Sequence[str]) -> str:
    """A trial by these of its parameters."""
    return ", ".join(f"{name} {_short(_params(row).get(name))}" for name in names)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figure(width: float, height: float) -> "Figure":
    """A figure of its own: nothing of pyplot, which keeps a state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def _png(figure: "Figure") -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()
