"""A contract for import-linter: a package may import what is listed, and nothing else.

The contracts that come with import-linter list what is forbidden, so that each new package is open
to all until somebody thinks of it. Here each new package is closed until somebody opens it.
"""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """`source_modules` and all below them import nothing but what `may_import` lists.

    In both, "a.b" is that module alone, and "a.b.*" that module with all below it. Modules of the
    standard library, and those of the same source, need not be listed. "other libraries" stands for
    all that is neither this project's nor the standard library's.

    Only direct imports are looked at: each part that may be imported has a contract of its own.
    """

    type_name = "only"

    source_modules = fields.SetField(subfield=fields.StringField())
    may_import = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """See `Contract.check`."""
        del verbose
        sources: Any = self.source_modules
        allowed: Any = {*(self.may_import or ()), *sources}
        roots: Any = self.session_options["root_packages"]
        broken = []
        found = sorted(module for module in graph.modules if _covers(sources, module))
        for module in found:
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                top = imported.partition(".")[0]
                if _covers(allowed, imported) or top in sys.stdlib_module_names:
                    continue
                if top not in roots and "other libraries" in allowed:
                    continue
                details = graph.get_import_details(importer=module, imported=imported)
                broken.append((module, imported, [each["line_number"] for each in details]))
        # A misspelt name would be a wall that nothing can break.
        return ContractCheck(kept=bool(found) and not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """See `Contract.render_broken_contract`."""
        sources: Any = self.source_modules
        if not check.metadata["broken"]:
            output.print_error(f"There is no module {' or '.join(sorted(sources))}.")
        for module, imported, lines in check.metadata["broken"]:
            places = ", ".join(str(line) for line in lines)
            output.print_error(f"{module} may not import {imported} (line {places})")


def _covers(patterns: set[str], module: str) -> bool:
    """Say whether one of `patterns` stands for `module`."""
    for pattern in patterns:
        whole = pattern.removesuffix(".*")
        if module == whole or (whole != pattern and module.startswith(f"{whole}.")):
            return True
    return False
