"""Build hook: what an editable install needs beyond the link to the checkout.

An editable wheel holds no files of the project but the ones named here, so that the checkout's own
modules are the only ones there are. The two startup files must lie at the top of site-packages all
the same, because only there does the interpreter look for them.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STARTUP_FILES = ("autotrace.pth", "autotrace.start")


class StartupFiles(BuildHookInterface[Any]):
    """Puts the startup files, and nothing else, into editable wheels."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Narrow what is force-included when the wheel is an editable one.

        Args:
            version: What is built: "standard" or "editable".
            build_data: The builder's own settings for this build, changed in place.
        """
        if version == "editable":
            build_data["force_include_editable"] = {
                f"{self.root}/{name}": name for name in STARTUP_FILES
            }
