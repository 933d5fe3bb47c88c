"""What is read from the environment, but for the limits, which are in `Settings`: by name, the default and the meaning.

`tools/reference` makes a page of it.
"""

ENVIRONMENT = {
    "EXPORT": ("export.pkl beside app.py", "the export that the app serves"),
    "FEEDBACK": (
        "none",
        "where users' feedback is kept: a folder, or hf://datasets/USER/NAME. Without it the page "
        "asks nothing and no photo is kept",
    ),
    "FEEDBACK_FOLDER": ("feedback", "folder that feedback waits in until it lies on the Hub"),
    "API_KEYS_FILE": (
        "none",
        "file with the hashed keys of those who may ask, as `python -m server.keys add NAME` writes it. "
        "Without it nobody needs a key",
    ),
    "ANSWER_CACHE": ("1000", "answers that are remembered, so that the same photo is not computed again; 0: none"),
    "REDIS_URL": (
        "none",
        "a Redis through which replicas share MAX_PER_MINUTE, KEY_PER_MINUTE and remembered answers, such as "
        "redis://redis:6379/0. Needs deploy/requirements.txt",
    ),
    "LOG_LEVEL": (
        "WARNING",
        "DEBUG, INFO, WARNING or ERROR. INFO logs each photo's size and time, and nothing else of it",
    ),
    "LOG_FORMAT": (
        "text",
        "json writes each line of the log as JSON and gives each request an id, taken from X-Request-ID or new, which "
        "the answer has too. With LOG_LEVEL=INFO each request is logged",
    ),
    "METRICS": ("0", "1 offers /metrics for Prometheus: counts and times, nothing of a photo or its sender"),
    "METRICS_TOKEN": ("none", "token that /metrics then asks for, as `Authorization: Bearer TOKEN`"),
    "TRUST_EXPORT": (
        "0",
        "1 opens an export as fastai does, which runs the code in it. Only for files whose writer you know",
    ),
    "CPU_CORES": ("what the container grants", "cores to compute on; Spaces set it"),
    "GRADIO_SERVER_NAME": ("127.0.0.1; 0.0.0.0 on Spaces", "address that the app listens on"),
    "GRADIO_SERVER_PORT": ("7860", "port that the app listens on"),
    "GRADIO_TEMP_DIR": (
        "a folder of the app's own in the system's temporary folder",
        "where uploads are kept until they are deleted",
    ),
    "GRADIO_MCP_SERVER": ("True", "whether assistants find the app's tools over MCP"),
    "FORWARDED_ALLOW_IPS": (
        "none",
        "addresses whose X-Forwarded-For uvicorn believes. Leave it: PROXIES decides whose word counts",
    ),
    "HF_TOKEN": ("the login of `hf auth login`", "token for the Hub: it uploads feedback, and deploys"),
    "HF_ENDPOINT": ("the public Hub", "address of the Hub that `training.deploy` and `training.candidate` send to"),
    "GITHUB_OUTPUT": ("none", "set by GitHub: the file that `training.candidate` tells its workflow's next step by"),
    "NPM_CONFIG_REGISTRY": (
        "the registry that npm is set to, else jsDelivr",
        "address that `training.static` fetches the page's runtime from, once",
    ),
    "WORLD_SIZE": ("1", "set by torchrun, with RANK and LOCAL_RANK: in how many processes `training.train` runs"),
    "PYTHONPATH": ("none", "passed on, with this project in front, to the processes that answer parts of many photos"),
    "XDG_CACHE_HOME": ("~/.cache", "folder in which `training.static` keeps that runtime, as fieldguide/"),
    "SPACE_ID": ("none", "set by Spaces: one proxy stands in front of the app (PROXIES is 1)"),
    "SPACE_HOST": ("none", "set by Spaces: the address in the page's snippets"),
    "SPACES_ZERO_GPU": ("none", "set by Spaces on ZeroGPU: the app names the function that it must have there"),
    "PYCHARM_HOSTED": ("none", "set by PyCharm: commands show progress bars though no terminal is there"),
    "COLAB_RELEASE_TAG": ("none", "set by Colab: the notebook shows pages by Colab's own address"),
    "KAGGLE_KERNEL_RUN_TYPE": ("none", "set by Kaggle: the notebook shows no page, and says so"),
}
