from .app import create_app as create_app
from .guidelines import find_guidelines as find_guidelines
from .review import adjudication as adjudication, read_suspects as read_suspects
from .server import annotate as annotate
from .session import Session as Session
from .storage import open_storage as open_storage
