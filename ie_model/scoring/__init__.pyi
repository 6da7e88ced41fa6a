from .aggregation import Aggregate as Aggregate, aggregate_files as aggregate_files
from .aggregation_tables import (
    check_table as check_table,
    described as described,
    write_table as write_table,
)
from .arrow import arrow_scorer as arrow_scorer
from .cluster import score_on_ray as score_on_ray
from .local import score as score
from .options import (
    CutOptions as CutOptions,
    ReadOptions as ReadOptions,
    WriteOptions as WriteOptions,
)
from .runner import Interrupted as Interrupted
