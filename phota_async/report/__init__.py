"""Pages about finished work: the contact sheet.

    rows = [row_of(outcome) async for outcome in outcomes]
    path = await contact_sheet(rows, "out/contact-sheet.html", title="Tuesday")

Needs the extra `report` (Jinja2, Pillow).
"""

from .contact_sheet import contact_sheet
from .outcomes import row_of
from .rows import SheetRow

__all__ = ["SheetRow", "contact_sheet", "row_of"]
