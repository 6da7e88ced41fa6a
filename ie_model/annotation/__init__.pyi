from .annotators import agreement as agreement
from .checks import (
    FINDING_COLUMNS as FINDING_COLUMNS,
    backbone_units as backbone_units,
    check_documents as check_documents,
)
from .conversion import convert as convert
from .statistics import corpus_stats as corpus_stats
from .tables import (
    agreement_page as agreement_page,
    agreement_table as agreement_table,
    check_page as check_page,
    check_table as check_table,
    conversion_lines as conversion_lines,
    documents_text as documents_text,
    stats_table as stats_table,
    to_text as to_text,
)
