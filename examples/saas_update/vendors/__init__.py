"""Stand-ins for the example's vendors: servers on loopback that speak their documented shapes.

The example's runner and the tests use the same ones. Each is a context manager that starts its own
server on a free port; nothing here ever connects to anything but 127.0.0.1.
"""

from .certificates import Certificates, make_certificates
from .intercom_api import IntercomStandIn
from .proxy import Proxy
from .salesforce_api import SalesforceStandIn
from .server import Fault, Received, Reply, StandIn
from .stripe_api import StripeStandIn

__all__ = [
    "Certificates",
    "Fault",
    "IntercomStandIn",
    "Proxy",
    "Received",
    "Reply",
    "SalesforceStandIn",
    "StandIn",
    "StripeStandIn",
    "make_certificates",
]
