from .dates import (
    DateValue as DateValue,
    normalise_date as normalise_date,
    unresolved_date as unresolved_date,
)
from .document import document_date as document_date, normalise_document as normalise_document
from .name_table import NAMES as NAMES, read_names as read_names
from .names import name_document as name_document, name_key as name_key
from .quantities import (
    QuantityValue as QuantityValue,
    normalise_quantity as normalise_quantity,
    unresolved_quantity as unresolved_quantity,
)
