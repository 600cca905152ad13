"""Which session or path a call takes.

- `funnel`: every call that is data passes it; by the driver's own call where no Session is needed.
- `sessions`: which session a call uses, and who commits; translates its errors.
- `calls`: calls as data.
- `direct`: whether a lone call may go by the driver alone.
- `scope`: which unit of work the current task belongs to.
- `transactions`: `async with db.transaction()`, the unit for a block, or a savepoint.
- `retrying`: a transaction begun anew after a deadlock or a failed serialization.
- `units`: makes units, and says who holds a connection.
"""

from activerow.database.execution.calls import Call, Prepared, Read, Ready, Script, Work, Write, given_session
from activerow.database.execution.direct import Direct
from activerow.database.execution.funnel import Execution
from activerow.database.execution.retrying import run_again
from activerow.database.execution.scope import RequestScope, Scopes
from activerow.database.execution.transactions import TransactionBlock, ended
from activerow.database.execution.units import Holder, UnitFactory

__all__ = [
    "Call",
    "Direct",
    "Execution",
    "Holder",
    "Prepared",
    "Read",
    "Ready",
    "RequestScope",
    "Scopes",
    "Script",
    "TransactionBlock",
    "UnitFactory",
    "Work",
    "Write",
    "ended",
    "given_session",
    "run_again",
]
