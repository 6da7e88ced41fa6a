from .distillation import distill as distill, read_student as read_student
from .preparation import prepare as prepare
from .run import TrainResult as TrainResult, train as train
