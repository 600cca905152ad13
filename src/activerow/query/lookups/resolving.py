"""Names into comparisons: `posts__created_at__year__gte` is a lookup on a part of a field at the end of a path."""

from functools import lru_cache

from activerow.errors import UnknownLookupError
from activerow.lookups import LOOKUPS
from activerow.mapping import kind_of
from activerow.query.lookups.comparison import ColumnComparison, Comparison
from activerow.query.lookups.documents import DocumentComparison
from activerow.query.lookups.operands import Operand, offered
from activerow.query.lookups.paths import Field, field_at
from activerow.query.lookups.relations import RelationComparison


@lru_cache(maxsize=2048)
def lookup_at(model: type, path: str) -> Comparison:
    """Resolve a path with the comparison at its end.

    Raises:
        UnknownFieldError: A name is not a field of the model it stands on.
        UnknownLookupError: The field has no such part or comparison.
    """
    return comparison_of(model, field_at(model, path))


def comparison_of(model: type, field: Field) -> Comparison:
    """What the words behind a field compare.

    Raises:
        UnknownLookupError: The field has no such part or comparison.
    """
    if field.is_document:
        return _in_document(field)
    words = list(field.rest)
    parts = kind_of(field.type).parts if field.type is not None else ()
    part = words.pop(0) if words and words[0] in parts else None
    lookups = {lookup.word: lookup for lookup in offered(field, part)}
    word = words.pop(0) if words else "exact"
    if words or word not in lookups:
        name = field.path if part is None else f"{field.path}__{part}"
        raise unknown(model, name, "__".join((word, *words)), (*lookups, *(parts if part is None else ())))
    kind = ColumnComparison if field.relation is None else RelationComparison
    return kind(Operand(field, part), lookups[word])


def _in_document(field: Field) -> Comparison:
    """Keys, and a lookup behind them: of two words that could be one, the last is."""
    lookups = {lookup.word: lookup for lookup in offered(field, None)}
    is_key = not field.rest or field.rest[-1] not in lookups
    keys, word = (field.rest, "exact") if is_key else (field.rest[:-1], field.rest[-1])
    return DocumentComparison(Operand(field, None, keys), lookups[word])


def unknown(model: type, path: str, word: str, choices: tuple[str, ...]) -> UnknownLookupError:
    """The error for a word that is no lookup of the field, with the one that others call so."""
    meant = next((known for known in choices if known in LOOKUPS and word in LOOKUPS[known].also), None)
    return UnknownLookupError(model.__name__, path, word, meant, choices)
