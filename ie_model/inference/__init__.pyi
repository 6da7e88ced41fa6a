from .extractor import Extractor as Extractor
from .gold import evaluate as evaluate
