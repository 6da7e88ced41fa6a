from .arrow import arrow_scorer as arrow_scorer
from .cluster import score_on_ray as score_on_ray
from .local import score as score
from .options import (
    CutOptions as CutOptions,
    ReadOptions as ReadOptions,
    WriteOptions as WriteOptions,
)
from .runner import Interrupted as Interrupted
