"""How plain HTTP clients call the app's API."""

from pathlib import Path

import requests


def as_dict(label: dict) -> dict[str, float]:
    return {row["label"]: row["confidence"] for row in label["confidences"]}


def upload(app_url: str, path: Path, name: str = "photo.jpg") -> str:
    answer = requests.post(f"{app_url}/gradio_api/upload", files={"files": (name, path.read_bytes())}, timeout=30)
    answer.raise_for_status()
    return answer.json()[0]


def run_predict(app_url: str, photo: dict | None) -> requests.Response:
    return requests.post(f"{app_url}/gradio_api/run/predict", json={"data": [photo]}, timeout=60)


def by_path(path: str) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def events(app_url: str, payload: dict, version: str = "") -> str:
    """Call /predict the two-step way and return the server-sent events as text."""
    base = f"{app_url}/gradio_api/call{version}/predict"
    event_id = requests.post(base, json=payload, timeout=60).json()["event_id"]
    return requests.get(f"{app_url}/gradio_api/call/predict/{event_id}", timeout=60).text
