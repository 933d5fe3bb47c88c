"""Snippets of code that call the API, as the page shows them; `api_snippets` is long because it is one text."""

import json
import os
from urllib.parse import urlsplit

LOCAL = ("localhost", "127.0.0.1", "0.0.0.0")  # an app at these answers pages of this machine only: Gradio's rule
LOCAL_PAGE = "A web page of your own, served from this machine (`python -m http.server`):"
ANY_PAGE = "A web page of your own, wherever it lies:"


def address() -> str:
    """Return the address of this app: the Space's own host, or this machine."""
    host = os.environ.get("SPACE_HOST")
    return f"https://{host}" if host else f"http://127.0.0.1:{os.environ.get('GRADIO_SERVER_PORT', 7860)}"


def visitor_address_script(url: str) -> str:
    """Return JavaScript that replaces `url` by the address in the visitor's browser, and what depends on it.

    The app cannot know it: behind a proxy it is another one, and where the port is taken the app moves to the next.
    """
    address = f"text.replaceAll({json.dumps(url)}, location.origin + location.pathname.replace(/\\/+$/, ''))"
    page = f"{json.dumps(LOCAL)}.includes(location.hostname) ? {json.dumps(LOCAL_PAGE)} : {json.dumps(ANY_PAGE)}"
    return f"(text) => {address}.replace({json.dumps(LOCAL_PAGE)}, {page})"


def api_snippets(url: str) -> str:
    """Return how to call the API, ready to paste, as Markdown; tests run each of them as it stands here."""
    return f"""Any shell, with `curl`: one call. Several photos go as several `-F file=@…`, and come back as a list.
```bash
curl -F file=@photo.jpg {url}/classify
```
Python, with `pip install requests`:
```python
import requests

with open("photo.jpg", "rb") as photo:
    answer = requests.post("{url}/classify", files={{"file": photo}}).json()
labels = [] if answer.get("familiar") is False else answer.get("labels", [answer.get("label")])
print(answer.get("error") or ", ".join(labels) or "none of these")
```
Python, with `pip install gradio_client`:
```python
from gradio_client import Client, handle_file

print(Client("{url}").predict(photo=handle_file("photo.jpg"), api_name="/classify_photo"))
```
JavaScript, with `npm install @gradio/client`, in a file that ends in `.mjs`:
```js
import {{ readFile }} from "node:fs/promises";
import {{ Client }} from "@gradio/client";

const app = await Client.connect("{url}");
const photo = new Blob([await readFile("photo.jpg")]);
const answer = (await app.predict("/classify_photo", {{ photo }})).data[0];
const labels = answer.familiar === false ? [] : answer.labels ?? [answer.label];
console.log(labels.join(", ") || "none of these");
```
{LOCAL_PAGE if urlsplit(url).hostname in LOCAL else ANY_PAGE}
```html
<input type="file" accept="image/*" onchange="ask(this.files[0])">
<p id="answer"></p>
<script>
function ask(photo) {{
  const show = (text) => {{ document.querySelector("#answer").textContent = text; }};
  fetch("{url}/classify", {{ method: "POST", body: photo }})
    .then((response) => response.json())
    .then((answer) => {{
      const labels = answer.familiar === false ? [] : answer.labels ?? [answer.label];
      show(answer.error ?? (labels.join(", ") || "none of these"));
    }})
    .catch((error) => show(`No answer: ${{error.message}}`));
}}
</script>
```
An assistant that speaks MCP finds the tool `classify_photo` here (on a Space with the Space's name in front):
```json
{{"mcpServers": {{"fieldguide": {{"url": "{url}/gradio_api/mcp/"}}}}}}
```
`/predict` gives label and probabilities; `/classify_photo` also says whether the photo is `familiar`;
`/explain` gives a picture of where the model looked, for the answer or for the `label` you name.
Every field is described at [{url}/docs]({url}/docs) and, for Gradio's own API,
[{url}/gradio_api/openapi.json]({url}/gradio_api/openapi.json)."""
