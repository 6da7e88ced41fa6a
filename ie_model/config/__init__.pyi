from .loading import load_config as load_config
from .schema import Config as Config
