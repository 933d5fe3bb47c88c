"""Build the browser edition: a folder that answers photos in the visitor's browser and needs no server of its own.

Reads  export.pkl, and export.onnx beside it where there is one; examples/ and README.md of the project
Writes a folder with the page, the model and what it runs on. Any web server, a static Space or GitHub Pages serves it

    python -m training.static --out site
    python -m training.static export.pkl --out site --photos data/bears    # compares half weights on these photos too
    python -m http.server -d site                                          # then open http://localhost:8000
    python -m training.static --single                                     # site.html, which a double click opens

What the page runs on (ONNX Runtime for the web, libheif) is downloaded once, at pinned versions and SHA-512, and kept
in ~/.cache/fieldguide. Large weights are stored in 16 bits, if the answers are the same; --fp32 keeps all 32.
"""

import shlex
from pathlib import Path
from typing import Annotated

from fastcore.script import CliError

from classifier.command_line import run
from training.output import staged

from .check import check_half_weights, photos_to_compare
from .examples import find_examples
from .folder import check_out, write_site
from .half_weights import with_half_weights
from .model import CompiledModel, compiled
from .readme import title_of
from .runtime import runtime_files
from .single import check_single, single_page
from .site import ROOT, first_visit, site_files


def halved(model: CompiledModel, photos: list[Path]) -> CompiledModel:
    """Return the model with its large weights in 16 bits; CliError where it then answers otherwise."""
    half = CompiledModel.from_bytes(with_half_weights(model.data), model.classifier.version or "")
    print(f"comparing half weights with whole ones on {len(photos)} photos", flush=True)
    print(check_half_weights(model.classifier, half.classifier, photos))
    return half


def main(
    export: Annotated[str, {"opt": False, "nargs": "?"}] = "export.pkl",  # any fastai export; export.onnx is used
    out: str = "site",  # folder to write: a new one, or that of an earlier site
    fp32: bool = False,  # keep all weights in 32 bits: twice the bytes, and nothing to compare
    examples: str = "",  # folder of photos that the page offers; default: examples/ of this project
    photos: str = "",  # folder of photos to compare half weights on as well, best that of the training
    title: str = "",  # name of the page; default: the title in README.md
    single: bool = False,  # write one HTML file instead, OUT.html, which opens without any server
) -> None:
    "Build a folder that answers photos in the visitor's browser, out of EXPORT, and needs no server."
    if fp32 and photos:
        raise CliError("--photos compares half weights, and with --fp32 there are none. Leave one of the two out.")
    target = check_single(out) if single else check_out(out)
    offered = find_examples(Path(examples) if examples else ROOT / "examples")
    compare_on = [*offered.values(), *(photos_to_compare(photos, export) if photos else [])]
    model = compiled(export)
    runtime = runtime_files()
    if not fp32:
        model = halved(model, compare_on)
    shown = {path: photo.read_bytes() for path, photo in offered.items()}
    files = site_files(model, "full" if fp32 else "half", runtime, shown, title or title_of(ROOT / "README.md"))
    if single:
        page = single_page(files)
        with staged(target) as temporary:
            temporary.write_bytes(page)
        print(
            f"{Path(out).with_name(target.name)}: one file, {len(page) / 1e6:.1f} MB. Look at it: open it in a browser"
        )
        return
    write_site(target, files)
    total, visit = (n / 1e6 for n in (sum(map(len, files.values())), first_visit(files)))
    print(
        f"{out}: {len(files) + 1} files, {total:.1f} MB; a first visit loads {visit:.1f} MB. "
        f"Look at it: python -m http.server -d {shlex.quote(out)}"
    )


if __name__ == "__main__":
    run(main)
