from .conversion import convert as convert
from .interface import (
    ENGINES as ENGINES,
    PRECISIONS as PRECISIONS,
    Done as Done,
    Engine as Engine,
    Ids as Ids,
    Logits as Logits,
    Pending as Pending,
)
from .onnx import OnnxEngine as OnnxEngine
from .openvino import OpenVINOEngine as OpenVINOEngine
from .runtimes import (
    has_nvidia_driver as has_nvidia_driver,
    import_onnxruntime as import_onnxruntime,
    import_openvino as import_openvino,
    installed as installed,
)
from .torch import TorchEngine as TorchEngine
