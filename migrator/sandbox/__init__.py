"""Our own strict S3 server with fault injection: for the demo, the fire drill and the tests.

It knows nothing of the rest of the product, and its formulas are its own.
"""

from migrator.sandbox.access import AccessKey, Rule
from migrator.sandbox.dispatch import Logged
from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.faults import Fault, Fired
from migrator.sandbox.sandbox import DEFAULT_KEY, Sandbox
from migrator.sandbox.traits import Traits

__all__ = ["DEFAULT_KEY", "AccessKey", "Fault", "Fired", "Logged", "Rule", "Sandbox", "SandboxProblem", "Traits"]
