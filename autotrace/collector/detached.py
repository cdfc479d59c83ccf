"""What the companion's interpreter is started with, by its path.

That interpreter need not have autotrace installed, and runs isolated and without `site`: the
package is the one that this file lies in.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

    from autotrace.collector.companion import main

    sys.exit(main(sys.argv[1:]))
