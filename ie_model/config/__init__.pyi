from .loading import load_config as load_config
from .schema import Config as Config, SourceConfig as SourceConfig
from .shipped import write_project as write_project
