from .backbones import (
    BACKBONES as BACKBONES,
    folder_of as folder_of,
    install as install,
    verify as verify,
)
from .directory import SETTINGS_FILE as SETTINGS_FILE
from .names import find_model as find_model, installed_models as installed_models
from .plan import save_plan as save_plan
from .replacement import check_no_model_file as check_no_model_file
from .sharing import package as package, push as push
