"""Turn off the telemetry of libraries, unless the environment turns it on.

Import this module before the libraries, which read these variables once. Variables that are already set, such as
`ORT_DISABLE_TELEMETRY=0`, stay as they are.
"""

import os

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime: a host of its maker, and a device id in ~/.cache
    "GRADIO_ANALYTICS_ENABLED": "False",  # Gradio: each start and the version check
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub: the libraries and versions that ask
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",  # huggingface_hub: the version check
    "DO_NOT_TRACK": "1",  # whatever else honours it, see https://donottrack.sh
}

for _name, _value in OFF.items():
    os.environ.setdefault(_name, _value)
