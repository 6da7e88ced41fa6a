from .config import Config as Config, load_config as load_config
from .corpus import read_documents as read_documents, write_documents as write_documents
from .documents import Document as Document, Entity as Entity
from .errors import IEModelError as IEModelError, InputError as InputError, RunError as RunError
from .frames import to_frame as to_frame
from .inference import Extractor as Extractor, evaluate as evaluate
from .labels import LabelSet as LabelSet
from .metrics import score_documents as score_documents
from .training import TrainResult as TrainResult, distill as distill, train as train

__version__: str
