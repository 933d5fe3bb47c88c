"""Switch off what libraries would report to their makers, unless the environment asks for it.

Import it before the libraries: they read these variables once. `ORT_DISABLE_TELEMETRY=0` and the like, set by a
person, stay as they are.
"""
import os

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime: a host of its maker, and a device id in ~/.cache
    "GRADIO_ANALYTICS_ENABLED": "False",  # Gradio: each start and the version check
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub: the libraries and versions that ask
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DO_NOT_TRACK": "1",  # https://donottrack.sh: whatever else honours it
}

for _name, _value in OFF.items():
    os.environ.setdefault(_name, _value)
