"""Relations of rows that are in memory.

- `loading`: reading them for all rows of a result at once.
- `including`: the same for rows that no Session has loaded.
- `ranking`: those that are ordered or cut by the query: the latest three comments of each article.
- `routes`: the statement that finds the related rows.
"""

from activerow.query.related.including import can_include, included
from activerow.query.related.loading import KEYS_PER_STATEMENT, remember_result, reread
from activerow.query.related.ranking import load_ranked
from activerow.query.related.routes import statement_to

__all__ = ["KEYS_PER_STATEMENT", "can_include", "included", "load_ranked", "remember_result", "reread", "statement_to"]
