"""A table for any width: where its short cells would be cut off, each row is shown field by field."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

GAP = 2
FOLDED = 12
"""Characters to a line that a cell which may be broken needs at least."""


class FittingTable(Table):
    """A number or a name that is cut off tells something else."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._least_width() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="italic")
        for number, fields in enumerate(self._fields()):
            if number:
                yield Text("")
            yield fields

    def _least_width(self) -> int:
        return sum(map(_least, self.columns)) + GAP * (len(self.columns) - 1)

    def _fields(self) -> Iterator[Table]:
        """Each row as a table of headings and values."""
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            fields = Table(box=None, pad_edge=False, show_header=False)
            fields.add_column(style="bold")
            fields.add_column(overflow="fold")
            for column, cell in zip(self.columns, cells, strict=True):
                fields.add_row(column.header, cell)
            yield fields


def _least(column: Column) -> int:
    widest = max(cell_len(str(text)) for text in (column.header, *column.cells))
    return widest if column.no_wrap else min(widest, FOLDED)
