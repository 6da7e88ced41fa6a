from .spans import score_documents as score_documents
from .table import format_table as format_table
