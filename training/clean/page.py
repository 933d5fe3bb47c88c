"""The page of `training.clean`: Gradio's controls around a grid of photos, which the browser asks for one by one.

Gives `build_app`, a FastAPI application: the page at /, and for its script

    GET  thumb/{id}, photo/{id}   JPEG
    GET  about/{id}               what is known of a photo
    POST choose                   {"id", "action": "keep" | "delete" | "label" | "", "label"}
"""
import io
import shlex
import sys
from collections.abc import Iterable
from functools import lru_cache
from html import escape
from itertools import count
from math import ceil, isinf
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastcore.script import CliError
from pydantic import BaseModel

from classifier.photo import PhotoError, open_photo

from .decisions import Choice
from .local_only import SamePage
from .review import Reviewed
from .session import ORDERS, SPLITS, Cleaner

HERE = Path(__file__).parent
A_PAGE = 24
THUMB, LARGE = 360, 1600  # pixels of the longer side
KEPT = 1000  # thumbnails in memory, about 20 MB
ALL = "all"
HELP = ("<details><summary>Keys</summary>Arrows go from photo to photo; <b>K</b> keeps, <b>D</b> deletes, <b>1</b> to "
        "<b>9</b> give another label, <b>Backspace</b> forgets it; <b>Enter</b> looks closer, <b>Esc</b> closes."
        "</details>")


class Decision(BaseModel):
    """What the page's script sends."""

    id: str
    action: str
    label: str = ""


def jpeg(file: Path, side: int) -> bytes:
    """Return a photo as JPEG, its longer side at most so many pixels; whatever a browser cannot show becomes one."""
    photo, buffer = open_photo(file), io.BytesIO()
    photo.thumbnail((side, side))
    photo.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@lru_cache(KEPT)
def thumb(file: Path, changed: float) -> bytes:
    """Return a photo's thumbnail as JPEG; changed: when the file was, so that another one is not taken for it."""
    return jpeg(file, THUMB)


def bar(cleaner: Cleaner) -> str:
    """Return "12 to delete, 5 to move", and how far one has come."""
    n_deleted, n_moved, n_decided = cleaner.counts()
    marked = [f"{n} to {what}" for n, what in ((n_deleted, "delete"), (n_moved, "move")) if n]
    return f"{', '.join(marked) or 'Nothing marked'} · {n_decided} of {len(cleaner.photos)} decided"


def command(stage: str, *args) -> str:
    """Return a stage's command as it can be pasted where the cleaner was started."""
    python, here = Path(sys.executable), Path.cwd()
    named = python.relative_to(here).as_posix() if here in python.parents else "python"
    return shlex.join([named, "-m", f"training.{stage}", *map(str, args)])


def percent(probability: float) -> str:
    return f"{probability:.1%}" if 0.995 < probability < 0.9995 else f"{probability:.0%}"


def loss_of(photo: Reviewed) -> str:
    return "no loss" if isinf(photo.loss) else f"loss {photo.loss:.2f}"


def title(photo: Reviewed) -> str:
    """Return what stands over a photo: its label, or whose word that is as long as it is but a suggestion."""
    return f"A user says: {photo.label}" if photo.suggested else photo.label


def card(name: str, photo: Reviewed, choice: Choice, labels: list[str]) -> str:
    """Return one photo of the grid as HTML."""
    options = "".join(f'<option value="{escape(label)}"{" selected" * (label == (choice.label or photo.label))}>'
                      f"{escape(label)}</option>" for label in labels)
    said = f"{escape(photo.prediction)} {percent(photo.probabilities[photo.prediction])} · {loss_of(photo)}"
    titled = escape(title(photo))
    return (f'<article class="card{" suggested" * photo.suggested}" tabindex="-1" data-id="{name}" '
            f'data-action="{choice.action}" data-own="{escape(photo.label)}" '
            f'aria-label="{titled}: {escape(photo.file.name)}">'
            f'<button class="look" title="Look closer"><img loading="lazy" src="thumb/{name}" alt=""></button>'
            f'<p class="names"><b>{titled}</b> <span class="to">→ {escape(choice.label)}</span></p>'
            f'<p class="said">predicted {said}</p><p class="reason">{escape(photo.reason)}</p>'
            f'<p class="acts"><button data-do="keep">Keep</button><button data-do="delete">Delete</button>'
            f'<select aria-label="Label">{options}</select></p></article>')


def grid(cleaner: Cleaner, entries: Iterable[tuple[str, Reviewed, Choice]]) -> str:
    """Return a page of photos as HTML."""
    cards = [card(*entry, cleaner.labels) for entry in entries]
    names = "".join(f"<span>{f'<kbd>{i}</kbd> ' if i < 10 else ''}{escape(label)}</span>"
                    for i, label in enumerate(cleaner.labels[:9], start=1))
    if not cards:
        return '<div id="grid"><p class="none">No photo is left in this selection.</p></div>'
    return f'<div class="legend">{names}</div><div id="grid">{"".join(cards)}</div>'


def about(cleaner: Cleaner, name: str) -> dict:
    """Return what the big view shows of a photo."""
    photo = cleaner.by_id[name]
    choice = cleaner.choice(photo)
    most = sorted(photo.probabilities.items(), key=lambda item: -item[1])[:5]
    return {"id": name, "name": photo.file.name, "title": title(photo), "split": photo.split,
            "loss": loss_of(photo), "suspicion": int(100 * photo.suspicion), "reason": photo.reason,
            "prediction": photo.prediction, "action": choice.action, "to": choice.label, "suggested": photo.suggested,
            "probabilities": [{"label": label, "share": share, "said": percent(share)} for label, share in most]}


def build_page(cleaner: Cleaner, export: str, n_unreadable: int = 0) -> gr.Blocks:
    """Return the controls around the grid."""
    has_splits, drawn = any(photo.split for photo in cleaner.photos), count()

    def render(label, split, order, show, page):
        found = cleaner.select(label or "", "" if split == ALL else split, order, show)
        n_pages = max(1, ceil(len(found) / A_PAGE))
        page = int(min(max(1, page or 1), n_pages))
        shown = found[(page - 1) * A_PAGE:page * A_PAGE]
        # the script writes into it too: Gradio draws anew only what differs from what it drew itself
        return (grid(cleaner, shown), f'<span id="counts" data-drawn="{next(drawn)}">{bar(cleaner)}</span>',
                gr.Number(page, maximum=n_pages, label=f"Page of {n_pages}"),
                gr.Button(interactive=page > 1), gr.Button(interactive=page < n_pages), label_filter(label))

    def label_filter(chosen):
        counts = {label: 0 for label in cleaner.labels}
        for photo in cleaner.photos:
            counts[photo.label] = counts.get(photo.label, 0) + 1
        return gr.Dropdown([(f"all labels ({sum(counts.values())})", ""),
                            *((f"{label} ({n})", label) for label, n in counts.items())], value=chosen or "")

    def said(act):
        try:
            return act()
        except CliError as error:
            return f"**{error}**"

    def apply():
        n_deleted, n_moved = cleaner.apply()
        if not n_deleted + n_moved:
            return "Nothing is marked: nothing was moved."
        done = [said for n, said in ((n_deleted, f"{n_deleted} deleted (to `{cleaner.data}/.rejected`)"),
                                     (n_moved, f"{n_moved} moved to {'its' if n_moved == 1 else 'their'} label")) if n]
        return (f"{', '.join(done)}. Undo takes this back. Next, train again and see whether it helped:\n"
                f"```bash\n{command('train', cleaner.data, '--out', 'cleaned.pkl')}\n"
                f"{command('compare', export, 'cleaned.pkl', cleaner.data)}\n```")

    def undo():
        n = cleaner.undo()
        return (f"{n} photo{'s are' if n != 1 else ' is'} back, and marked as before." if n else
                "There is nothing to take back.")

    with gr.Blocks(title=f"Clean {cleaner.data}", analytics_enabled=False) as page:
        n_suggested = sum(photo.suggested for photo in cleaner.photos)
        gr.Markdown(f"# Clean {cleaner.data.name}\n{len(cleaner.photos)} photos, the most likely wrong first. "
                    "Mark what is no photo of its label, then Apply: files are moved, and Undo brings them back."
                    + (f" **{n_suggested} suggested by users** lead{'s' * (n_suggested == 1)}: nobody trains on one "
                       "until you keep it or give it a label." if n_suggested else "")
                    + (f" {n_unreadable} files could not be opened: `{command('verify', cleaner.data)}` moves "
                       "them away." if n_unreadable else ""), elem_id="title")
        with gr.Row(elem_id="filters"):
            label = gr.Dropdown([("all labels", "")], value="", label="Label", min_width=150)
            split = gr.Radio([ALL, *SPLITS], value=ALL, label="Split", visible=has_splits, min_width=150)
            order = gr.Radio([*ORDERS], value="suspicion", label="Sorted by", min_width=150)
            show = gr.Radio([ALL, "marked", "undecided"], value=ALL, label="Show", min_width=150)
        with gr.Row(elem_id="bar"):
            counts = gr.HTML(elem_id="counts-box")
            take_back = gr.Button("Undo", elem_id="undo", size="sm", min_width=80, scale=0)
            do = gr.Button("Apply", variant="primary", elem_id="apply", size="sm", min_width=80, scale=0)
        message = gr.Markdown(elem_id="message")
        photos = gr.HTML(elem_id="photos", min_height=300)
        with gr.Row(elem_id="pager"):
            back = gr.Button("‹ Previous", elem_id="previous", min_width=90)
            number = gr.Number(1, minimum=1, precision=0, label="Page", elem_id="page", min_width=90)
            forth = gr.Button("Next ›", elem_id="next", min_width=90)
        gr.HTML(HELP, elem_id="help")

        filters, outputs = [label, split, order, show], [photos, counts, number, back, forth, label]
        quick = {"show_progress": "hidden", "api_visibility": "private"}
        page.load(render, [*filters, number], outputs, **quick)
        for one in filters:
            one.input(lambda *chosen: render(*chosen, 1), filters, outputs, **quick)
        number.submit(render, [*filters, number], outputs, **quick)
        number.blur(render, [*filters, number], outputs, **quick)
        for button, step in ((back, -1), (forth, 1)):
            button.click(lambda *chosen, step=step: render(*chosen[:-1], chosen[-1] + step), [*filters, number],
                         outputs, **quick, js="(...chosen) => { window.fieldguide?.toTop(); return chosen }")
        for button, act in ((do, apply), (take_back, undo)):
            button.click(lambda act=act: said(act), None, message, api_name=act.__name__, concurrency_limit=1,
                         concurrency_id="moving").then(render, [*filters, number], outputs, **quick)
    return page


def build_app(cleaner: Cleaner, export: str, n_unreadable: int = 0, host: str = "127.0.0.1") -> FastAPI:
    """Return the page and the addresses that its script asks; host: where it is to listen."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(SamePage, host=host)

    def photo_of(name: str) -> Reviewed:
        if name not in cleaner.by_id:
            raise HTTPException(404, "There is no such photo.")
        return cleaner.by_id[name]

    @app.exception_handler(CliError)
    def refused(_: Request, error: CliError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 507)

    @app.get("/thumb/{name}")
    @app.get("/photo/{name}")
    def picture(name: str, request: Request) -> Response:
        file = photo_of(name).file
        try:
            large = request.url.path.startswith("/photo/")
            data = jpeg(file, LARGE) if large else thumb(file, file.stat().st_mtime)
        except (PhotoError, OSError):
            raise HTTPException(404, "The photo cannot be opened any more.") from None
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @app.get("/about/{name}")
    def tell(name: str) -> dict:
        photo_of(name)
        return about(cleaner, name)

    @app.post("/choose")
    def choose(decision: Decision) -> dict:
        photo_of(decision.id)
        try:
            choice = cleaner.choose(decision.id, decision.action, decision.label)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return {"action": choice.action, "label": choice.label, "counts": bar(cleaner)}

    script, style = ((HERE / f"page.{kind}").read_text() for kind in ("js", "css"))
    return gr.mount_gradio_app(app, build_page(cleaner, export, n_unreadable), path="/", footer_links=[],
                               head=f"<style>{style}</style><script>{script}</script>", ssr_mode=False)


def serve(cleaner: Cleaner, export: str, host: str, port: int, n_unreadable: int = 0) -> None:
    """Serve the page until it is stopped."""
    uvicorn.run(build_app(cleaner, export, n_unreadable, host), host=host, port=port, log_level="warning",
                timeout_graceful_shutdown=1)  # an open page would keep it alive
