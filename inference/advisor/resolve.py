"""Which table and column every name of a statement means, through aliases, subqueries, CTEs and views."""

from collections.abc import Iterable
from itertools import pairwise

from sqlglot import exp

from schemas.errors import Unreadable
from schemas.records import Table
from schemas.render import Name

from .reading import CLAUSES, Block, Derived, Origin, Reading, Scan, Source, own_nodes
from .statement import parse_view, parts
from .tables import Tables, column_of, name_of

Env = dict[str, Source]
"""CTEs by name."""
_NO_PASSING = ("limit", "offset", "qualify", "windows")


def resolve(tree: exp.Expr, tables: Tables) -> Reading:
    """Raises: Unreadable for a name that the catalog does not know, and for what has no fixed columns."""
    resolver = _Resolver(tables, Reading(tree))
    if isinstance(tree, exp.Query):
        resolver.query(tree, {}, None)
    else:
        resolver.write(tree)
    return resolver.reading


class _Resolver:
    def __init__(self, tables: Tables, reading: Reading) -> None:
        self.tables = tables
        self.reading = reading
        self.viewing: set[Name] = set()

    # queries

    def query(self, node: exp.Expr, env: Env, outer: Block | None) -> Derived:
        env = self._with(node, env, outer)
        match node:
            case exp.Select():
                return self._select(node, env, outer)
            case exp.SetOperation():
                left = self.query(node.left, env, outer)
                right = self.query(node.right, env, outer)
                return Derived(dict.fromkeys(left.outputs), left.open or right.open or bool(node.args.get("by_name")))
            case exp.Subquery():
                return self.query(node.this, env, outer)
            case exp.Values():
                return Derived(open=True)
        raise Unreadable(f"the rules do not read {node.key.upper()}")

    def _with(self, node: exp.Expr, env: Env, outer: Block | None) -> Env:
        if not (clause := node.args.get("with_")):
            return env
        env = dict(env)
        for cte in clause.expressions:
            name = cte.alias.lower()
            if clause.args.get("recursive"):
                env[name] = Derived(open=True)
            derived = _all_outputs(_renamed(self.query(cte.this, env, outer), cte))
            references = sum(table.name.lower() == name for table in node.find_all(exp.Table))
            if references > 1 or cte.args.get("materialized"):
                derived = Derived(dict.fromkeys(derived.outputs), derived.open)
            env[name] = derived
        return env

    def _select(self, node: exp.Select, env: Env, outer: Block | None) -> Derived:
        block = Block(node, outer=outer)
        self.reading.blocks.append(block)
        if node.args.get("sample"):
            raise Unreadable("it reads a random sample")
        if clause := node.args.get("from_"):
            self._source(clause.this, block, env)
        for join in (*node.args.get("joins", ()), *node.args.get("laterals", ())):
            self._join(join, block, env)
        for part in parts(node, *CLAUSES):
            self._names(part, block, env)
        return self._outputs(node, block)

    def _outputs(self, node: exp.Select, block: Block) -> Derived:
        passes = not any(node.args.get(name) for name in _NO_PASSING) and not node.find(exp.Window)
        derived = Derived()
        for expression in node.expressions:
            if expression.is_star or isinstance(expression.unalias(), exp.Columns):
                for alias, source in block.sources.items():
                    if isinstance(expression, exp.Column) and expression.table.lower() != alias:
                        continue
                    outputs = _all_outputs(source)
                    derived.outputs.update(outputs.outputs if passes else dict.fromkeys(outputs.outputs))
                    derived.open |= outputs.open or not isinstance(expression, exp.Star | exp.Column)
            else:
                origin = self.reading.origin(expression.unalias()) if passes else None
                derived.outputs[expression.alias_or_name.lower() or f"#{len(derived.outputs)}"] = origin
        return derived

    # sources

    def _source(self, node: exp.Expr, block: Block, env: Env) -> None:
        alias = node.alias_or_name.lower() or f"#{len(block.sources)}"
        if node.args.get("pivots"):
            raise Unreadable("the columns of a PIVOT depend on the data")
        if node.args.get("sample"):
            raise Unreadable("it reads a random sample")
        match node:
            case exp.Table():
                source = self._table(node, env)
            case exp.Subquery() if isinstance(node.this, exp.Table):  # a join in parentheses
                self._source(node.this, block, env)
                return
            case exp.Subquery():
                source = self.query(node, env, block)
            case exp.Lateral() if isinstance(node.this, exp.Query):
                source = self.query(node.this, env, block)
            case _:
                source = Derived(open=True)
                for part in node.iter_expressions():
                    if not isinstance(part, exp.TableAlias):
                        self._names(part, block, env)
        block.sources[alias] = _renamed(source, node)
        for join in node.args.get("joins") or ():
            self._join(join, block, env)

    def _join(self, join: exp.Expr, block: Block, env: Env) -> None:
        self._source(join.this if isinstance(join, exp.Join) else join, block, env)
        for column in join.args.get("using") or ():
            for source in block.sources.values():
                self._use(_output(source, column.name))
        if join.args.get("on"):
            self._names(join.args["on"], block, env)
        if join.args.get("method") == "NATURAL":
            self._star(block.sources.values())  # by whichever columns have one name

    def _table(self, node: exp.Table, env: Env) -> Source:
        if not node.db and node.name.lower() in env:
            return env[node.name.lower()]
        name = node.name if isinstance(node.this, exp.Identifier) else _file_of(node)
        table = self.tables.find(node.db, name) if name else None
        if table is None:
            if not isinstance(node.this, exp.Identifier):
                return Derived(open=True)  # a table function
            raise Unreadable(f"{node.name} is in no catalog that is known here")
        if table.kind == "view":
            return self._view(table)
        scan = Scan(table, node.alias_or_name)
        self.reading.scans.append(scan)
        return scan

    def _view(self, view: Table) -> Derived:
        if not view.statement:
            raise Unreadable(f"what the view {view.name} reads is not known")
        if name_of(view) in self.viewing:
            raise Unreadable(f"the view {view.name} reads itself")
        self.reading.views.add(name_of(view))
        self.viewing.add(name_of(view))
        inner = self.query(parse_view(view.statement).copy(), {}, None)
        self.viewing.remove(name_of(view))
        names = [column.name.lower() for column in view.columns]
        if inner.open or len(names) != len(inner.outputs):
            return Derived(dict.fromkeys(names), open=True)
        return Derived(dict(zip(names, inner.outputs.values(), strict=True)))

    # names

    def _names(self, node: exp.Expr, block: Block, env: Env) -> None:
        for part in own_nodes(node):
            if isinstance(part, exp.Query):
                self.query(part, env, block)
            elif isinstance(part, exp.Column):
                self._column(part, block)
            elif isinstance(part, exp.Columns) or (isinstance(part, exp.Star) and _takes_all(part)):
                self._star(block.sources.values())

    def _column(self, node: exp.Column, block: Block) -> None:
        parts = [part.name.lower() for part in node.parts]
        if node.is_star:
            return self._star([source for alias, source in block.sources.items() if alias == parts[-2]])
        scope: Block | None = block
        while scope:
            for alias, name in pairwise(parts):
                if (source := scope.sources.get(alias)) and _has(source, name):
                    return self._use(_output(source, name), node if name == parts[-1] else None)
            for source in scope.sources.values():
                if _has(source, parts[0]):  # the rest are fields of a struct
                    return self._use(_output(source, parts[0]), node if len(parts) == 1 else None)
            if len(parts) == 1 and parts[0] in scope.sources:  # a whole row
                return self._star([scope.sources[parts[0]]])
            if (len(parts) == 1 and _is_alias(scope.node, parts[0])) or any(map(_is_open, scope.sources.values())):
                return None
            scope = scope.outer
        if node.find_ancestor(exp.Lambda, exp.Comprehension):
            return None
        raise Unreadable(f"the column {node.sql()} is in none of its tables")

    def _use(self, origin: Origin | None, node: exp.Column | None = None) -> None:
        if origin:
            self.reading.used.add((name_of(origin.scan.table), origin.column.name.lower()))
            if node is not None:
                self.reading.columns[id(node)] = node, origin

    def _star(self, sources: Iterable[Source]) -> None:
        for source in sources:
            if isinstance(source, Scan):
                self.reading.starred.add(name_of(source.table))
            else:
                for origin in source.outputs.values():
                    self._use(origin)

    # writes

    def write(self, node: exp.Expr) -> None:
        target = node.this if not isinstance(node, exp.TruncateTable) else node.expressions[0]
        columns = target.expressions if isinstance(target, exp.Schema) else []
        target = target.this if isinstance(target, exp.Schema) else target
        if not isinstance(target, exp.Table) or not (table := self.tables.find(target.db, target.name)):
            raise Unreadable(f"the table that it writes, {target.name}, is in no catalog that is known here")
        reading = self.reading
        reading.written = table
        env = self._with(node, {}, None)
        block = Block(node, {target.alias_or_name.lower(): Scan(table, target.alias_or_name)})
        reading.blocks.append(block)
        match node:
            case exp.Insert():
                reading.positional = not columns and not node.args.get("by_name")
                reading.assigned = frozenset(column.name.lower() for column in columns or table.columns)
                if isinstance(node.expression, exp.Query) and not isinstance(node.expression, exp.Values):
                    self.query(node.expression, env, None)
            case exp.Update():
                reading.scans.append(block.sources[target.alias_or_name.lower()])  # type: ignore[arg-type]
                reading.assigned = frozenset(change.this.name.lower() for change in node.expressions)
                self._changed(node, "from_", ("expressions", "where"), block, env)
            case exp.Delete():
                reading.scans.append(block.sources[target.alias_or_name.lower()])  # type: ignore[arg-type]
                self._changed(node, "using", ("where",), block, env)
            case exp.Merge():
                reading.positional = True
                reading.assigned = frozenset(column.name.lower() for column in table.columns)
                reading.starred.add(name_of(table))
                self._changed(node, "using", ("on",), block, env)
        if any(node.args.get(part) for part in ("returning", "conflict")):
            reading.starred.add(name_of(table))  # which may take or change any column

    def _changed(self, node: exp.Expr, sources: str, rest: tuple[str, ...], block: Block, env: Env) -> None:
        for source in parts(node, sources):
            self._source(source.this if isinstance(source, exp.From) else source, block, env)
        for part in parts(node, *rest):
            self._names(part, block, env)


def _all_outputs(source: Source) -> Derived:
    if isinstance(source, Derived):
        return source
    return Derived({column.name.lower(): Origin(source, column) for column in source.table.columns})


def _output(source: Source, name: str) -> Origin | None:
    if isinstance(source, Derived):
        return source.outputs.get(name.lower())
    column = column_of(source.table, name)
    return Origin(source, column) if column else None


def _has(source: Source, name: str) -> bool:
    return name in source.outputs if isinstance(source, Derived) else column_of(source.table, name) is not None


def _is_open(source: Source) -> bool:
    """Whether there may be columns of unknown names: those of a CSV are told only as far as they are used."""
    return source.open if isinstance(source, Derived) else source.table.kind == "file"


def _renamed(source: Source, node: exp.Expr) -> Source:
    """The source with the names that its alias gives to its columns."""
    alias = node.args.get("alias")
    columns = alias.columns if isinstance(alias, exp.TableAlias) else []
    if not columns:
        return source
    outputs = _all_outputs(source)
    names = [column.name.lower() for column in columns]
    names += list(outputs.outputs)[len(names) :]
    return Derived(dict(zip(names, outputs.outputs.values(), strict=False)), outputs.open)


def _is_alias(node: exp.Expr, name: str) -> bool:
    return any(expression.alias.lower() == name for expression in node.args.get("expressions") or ())


def _takes_all(star: exp.Star) -> bool:
    """Whether columns are meant: not in count(*), nor in EXISTS (SELECT * ...)."""
    select = star.parent
    return isinstance(select, exp.Select) and not isinstance(select.parent, exp.Exists)


def _file_of(node: exp.Table) -> str:
    """The salted id of the one file that a table function reads, empty if there is none."""
    texts = [literal.name for literal in node.this.find_all(exp.Literal) if literal.is_string]
    files = [text for text in texts if text.startswith(("@file:", "@url:"))]
    return files[0] if len(files) == 1 else ""
