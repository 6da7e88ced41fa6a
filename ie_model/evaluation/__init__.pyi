from .calibration import (
    calibrate_run as calibrate_run,
    store_calibration as store_calibration,
    warn_of_other_origin as warn_of_other_origin,
)
from .comparison import (
    compare as compare,
    compare_runs as compare_runs,
    format_comparison as format_comparison,
)
from .contradictions import find_contradictions as find_contradictions
from .crossval import cross_validate as cross_validate
from .next_documents import rank_documents as rank_documents, write_tasks as write_tasks
from .out_of_fold import PROTOCOL_FILE as PROTOCOL_FILE, OofRun as OofRun
from .report import write_report as write_report
from .suspects import find_suspects as find_suspects
from .tuning.outcome import Outcome as Outcome
from .tuning.tuning import tune as tune
from .wrong_spans import check_ending as check_ending, write_errors as write_errors
