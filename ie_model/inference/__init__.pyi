from .extractor import Extractor as Extractor
from .gold import evaluate as evaluate, evaluate_in_full as evaluate_in_full
