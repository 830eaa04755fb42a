"""The scopes of a qualified SELECT, each with what its values and its rows come from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from headgate.adapters.engines.lineage_clauses import (
    CLAUSES,
    GROUP_BY,
    IDENTITY,
    JOIN,
    TRANSFORMATION,
    How,
    aggregates,
    children,
    makes_rows,
    unknown,
)
from headgate.adapters.engines.lineage_names import is_value
from headgate.domain.column_lineage import ColumnSource
from headgate.domain.errors import LineageUnknown

Sources = frozenset[ColumnSource]
Columns = Sequence[tuple[str, Sources]]
"""Output columns in order, each with where its values come from."""


@dataclass
class Scopes:
    """``tables`` and their columns by lower-case name, as the caller wrote them."""

    root: Scope
    by_query: Mapping[int, Scope]
    tables: Mapping[str, tuple[str, Mapping[str, str]]]
    _columns: dict[int, Columns] = field(default_factory=dict)
    _rows: dict[int, Sources] = field(default_factory=dict)
    _begun: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, tree: exp.Expr, tables: Mapping[str, Sequence[str]]) -> "Scopes":
        root = build_scope(tree)
        if root is None:
            raise unknown("it is not one SELECT")
        named = {
            name.lower(): (name, {column.lower(): column for column in columns})
            for name, columns in tables.items()
        }
        return cls(root, {id(scope.expression): scope for scope in root.traverse()}, named)

    def lineage(self) -> Columns:
        """Values and rows of the whole statement."""
        rows = self.rows(self.root)
        return [(name, sources | rows) for name, sources in self.columns(self.root)]

    def columns(self, scope: Scope) -> Columns:
        if id(scope) not in self._columns:
            if id(scope) in self._begun:
                raise unknown("its columns are made of each other")
            self._begun.add(id(scope))
            self._columns[id(scope)] = list(self._made(scope))
        return self._columns[id(scope)]

    def rows(self, scope: Scope) -> Sources:
        """What decides which rows there are, how many, and in what order."""
        if id(scope) not in self._rows:
            self._rows[id(scope)] = frozenset(self._deciding(scope))
        return self._rows[id(scope)]

    def _made(self, scope: Scope) -> Iterator[tuple[str, Sources]]:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            yield from self._stacked(scope)
        elif isinstance(query, exp.Select):
            for projection in query.expressions:
                if projection.is_star:
                    raise unknown("a star is left in it")
                yield projection.alias_or_name, frozenset(self.read(projection, IDENTITY, scope))
        else:
            raise unknown(f"it holds a {query.key}")

    def _stacked(self, scope: Scope) -> Iterator[tuple[str, Sources]]:
        left, right = (self.columns(each) for each in scope.set_operation_scopes)
        if scope.expression.args.get("by_name"):
            others = dict(right)
            for name, sources in left:
                yield name, sources | others.pop(name, frozenset())
            yield from others.items()
            return
        if len(left) != len(right):
            raise unknown("its two sides have not as many columns")
        for (name, sources), (_, more) in zip(left, right, strict=True):
            yield name, sources | more

    def _deciding(self, scope: Scope) -> Iterator[ColumnSource]:
        query = scope.expression
        for clause, how in CLAUSES.items():
            if isinstance(node := query.args.get(clause), exp.Expr):
                yield from self.read(node, how, scope)
        if isinstance(query, exp.SetOperation):
            for each in scope.set_operation_scopes:
                yield from self.rows(each)
            if query.args.get("distinct") or not isinstance(query, exp.Union):
                yield from _as(GROUP_BY, (s for _, sources in self.columns(scope) for s in sources))
            return
        yield from self._grouped(scope)
        for projection in query.expressions:
            for node in filter(makes_rows, projection.walk()):
                yield from self.read(node, JOIN, scope)
        yield from self._joined(scope)

    def _grouped(self, scope: Scope) -> Iterator[ColumnSource]:
        """DISTINCT, and GROUP BY ALL: by every column that is no aggregate."""
        query = scope.expression
        group, distinct = query.args.get("group"), query.args.get("distinct")
        by_all = group is not None and group.args.get("all")
        every = distinct is not None and not distinct.args.get("on")
        for projection in query.expressions if by_all or every else ():
            if every or projection.find(exp.Window) or not any(map(aggregates, projection.walk())):
                yield from self.read(projection, GROUP_BY, scope)

    def _joined(self, scope: Scope) -> Iterator[ColumnSource]:
        for join in scope.find_all(exp.Join):
            if join.args.get("using") or join.method == "NATURAL":
                raise unknown("it joins by columns that could not be told")
            for clause in ("on", "match_condition"):
                if (node := join.args.get(clause)) is not None:
                    yield from self.read(node, JOIN, scope)
        for _, source in scope.selected_sources.values():
            if not isinstance(source, Scope):
                if not isinstance(source.this, exp.Identifier):
                    yield from self.read(source.this, JOIN, scope)
            elif isinstance(source.expression, exp.Query):
                yield from self.rows(source)
            else:
                yield from self.read(source.expression, JOIN, scope)

    def read(self, node: exp.Expr, how: How, scope: Scope) -> Iterator[ColumnSource]:
        """The sources of an expression whose value is used as ``how`` says."""
        if isinstance(node, exp.Column):
            yield from _as(how, self._resolved(node, scope))
        elif isinstance(node, exp.Query):
            yield from self._subquery(node, how)
        elif isinstance(node, exp.TableColumn):
            raise unknown(f"it takes {node.name} for a value, a whole row")
        elif is_value(node):
            raise unknown(f"it is not known where {node.name} comes from")
        else:
            for child, seen in children(node, how):
                yield from self.read(child, seen, scope)

    def _subquery(self, node: exp.Query, how: How) -> Iterator[ColumnSource]:
        query = node.unnest() if isinstance(node, exp.Subquery) else node
        inner = self.by_query.get(id(query))
        if inner is None:
            raise unknown("it holds a subquery in a place where none is known")
        values = (s for _, sources in self.columns(inner) for s in sources)
        yield from _as(how, values)
        yield from _as(how, self.rows(inner))

    def _resolved(self, column: exp.Column, scope: Scope | None) -> Iterable[ColumnSource]:
        """The sources of one column by its table, which may be one of an outer scope."""
        if not column.table and scope is not None:
            return self._unqualified(column.name, scope)
        while scope is not None:
            if column.table in scope.sources:
                return self._column_of(scope.sources[column.table], column.name, scope)
            scope = scope.parent
        raise unknown(f"it is not known where {column.sql('duckdb')} comes from")

    def _unqualified(self, name: str, scope: Scope) -> Iterable[ColumnSource]:
        """A name that may be an output column's or a table's: of whatever has it."""
        made = self._columns.get(id(scope)) if id(scope) in self._begun else self.columns(scope)
        found = [sources for column, sources in made or () if column.lower() == name.lower()]
        for _, source in scope.selected_sources.values() if isinstance(scope.expression, exp.Select) else ():
            with suppress(LineageUnknown):
                found.append(frozenset(self._column_of(source, name, scope)))
        if not found:
            raise unknown(f"it is not known where {name} comes from")
        return frozenset[ColumnSource]().union(*found)

    def _column_of(self, source: Scope | exp.Expr, name: str, scope: Scope) -> Iterable[ColumnSource]:
        if isinstance(source, Scope):
            if isinstance(source.expression, exp.Query):
                return _of(self.columns(source), name)
            return self.read(source.expression, TRANSFORMATION, scope)
        if not isinstance(source, exp.Table):
            raise unknown(f"it reads a {source.key}")
        if not isinstance(source.this, exp.Identifier):
            return self.read(source.this, TRANSFORMATION, scope)
        if source.db or source.name.lower() not in self.tables:
            raise unknown(f"it reads {source.name}, which is none of its tables")
        dataset, columns = self.tables[source.name.lower()]
        if name.lower() not in columns:
            raise unknown(f"{dataset} has no column {name}")
        return [ColumnSource(dataset, columns[name.lower()], *IDENTITY)]


def _of(columns: Columns, name: str) -> Sources:
    found = [sources for column, sources in columns if column.lower() == name.lower()]
    if len(found) != 1:
        raise unknown(f"{name} is not one column")
    return found[0]


def _as(how: How, sources: Iterable[ColumnSource]) -> Iterator[ColumnSource]:
    outer = ColumnSource("", "", *how)
    return (source.under(outer) for source in sources)
