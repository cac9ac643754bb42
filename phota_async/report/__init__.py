"""Pages about finished work: the contact sheet.

    rows = [row_of(outcome) async for outcome in outcomes]
    path = await contact_sheet(rows, "out/contact-sheet.html", title="Tuesday")

    path = await sheet_of_run(latest_run("out"))  # of a run whose records lie there, also one that was killed
    path = await sheet_of_ledger(records, "out", batch="summer")  # of a batch that machines share, from its ledger

Needs the extra `report` (Jinja2, Pillow).
"""

from ..runs import find_run
from .contact_sheet import contact_sheet
from .ledger_sheet import sheet_of_ledger
from .outcomes import row_of
from .rows import SheetRow
from .run_rows import rows_of_run
from .run_sheet import sheet_of_run

__all__ = ["SheetRow", "contact_sheet", "find_run", "row_of", "rows_of_run", "sheet_of_ledger", "sheet_of_run"]
