from .app import create_app as create_app
from .limits import Limits as Limits
from .served import load_models as load_models
from .server import serve as serve
