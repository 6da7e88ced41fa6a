from .distillation import distill as distill, read_student as read_student
from .estimate import estimate_seconds as estimate_seconds, in_words as in_words
from .preparation import prepare as prepare
from .processes import is_first_process as is_first_process
from .run import TrainResult as TrainResult, train as train
