from .account import Account as Account
from .changes import Changes as Changes, parse_mapping as parse_mapping
from .folders import is_pattern as is_pattern, source_files as source_files
from .formats.csv_table import table_rows as table_rows
from .reading import (
    load_gold as load_gold,
    read_documents as read_documents,
    read_located as read_located,
)
from .references import settle_references as settle_references
from .splits import split_documents as split_documents
from .writing import (
    check_output as check_output,
    format_for_writing as format_for_writing,
    write_documents as write_documents,
)
