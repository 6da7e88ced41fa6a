from .benchmark.measuring import (
    bench as bench,
    best_plan as best_plan,
    sample_texts as sample_texts,
)
from .benchmark.report import (
    check_plot as check_plot,
    format_table as format_table,
    write_plot as write_plot,
)
from .exporting import export as export
