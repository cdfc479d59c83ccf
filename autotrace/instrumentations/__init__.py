"""The instrumentations: one module for each library, named after the module that it instruments.

In an installed autotrace they lie beside this file. In a checkout they lie in the folder
`instrumentations` at its top, which is made part of this package here.
"""

from __future__ import annotations

import os

_checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
if os.path.exists(os.path.join(_checkout, "pyproject.toml")):
    __path__.append(os.path.join(_checkout, "instrumentations"))
