from .spans import format_table as format_table, score_documents as score_documents
