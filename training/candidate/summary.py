"""Write what a person reads before a candidate replaces the model in use: Markdown, for a pull request.

Reads  `Judgement`, `Reason`, the figures of both models
Gives  the text

Names of labels and files may be anything. They are shown as code, in which Markdown knows no link, no mention of a
person and no HTML. What users wrote is not shown at all: of feedback, there are counts.
"""

from collections.abc import Sequence
from typing import Any

from training.data.contents import sha256_of
from training.data.splits import n_photos
from training.evaluation.comparison import MAX_SHOWN, Comparison
from training.monitor.history import shorten
from training.monitor.tally import total
from training.report.markdown import table
from training.run_folder import Run
from training.runs import setting_changes
from training.statistics import wilson

from .judgement import Judgement
from .promoted import Promoted
from .reason import Reason

MAX_LABELS = 50  # that a table shows
MAX_NAME = 60  # characters of a name


def code(text: object) -> str:
    """Return text of unknown origin as code in Markdown, on one line: nothing in it is a link, a mention or HTML."""
    line = " ".join(shorten(str(text), MAX_NAME).split()).replace("`", "'").replace("|", "¦")
    return f"`{line or 'no label'}`"


def title(run: Run, judgement: Judgement) -> str:
    """Return the title of a pull request."""
    return f"Candidate model {version_of(run)}: {judgement.shown}"


def version_of(run: Run) -> str:
    """Return the first 12 digits of the SHA-256 of a candidate's export."""
    return str(run.metrics["export"]["sha256"])[:12]


def write_summary(promoted: Promoted, run: Run, reason: Reason, judgement: Judgement) -> str:
    """Return the whole text."""
    parts = [
        f"# {title(run, judgement)}",
        judgement.sentence,
        f"Each photo was answered by models that had not seen it: {_counts(judgement)}. The model in use is "
        f"{promoted.version}. Nothing is replaced until a person merges this.",
        errors(judgement.comparison),
        "## Why it was trained",
        _bullets(reasons(reason)),
        came_and_went(reason),
        "## Look at these",
        _bullets(to_do(promoted, judgement)),
        broken(judgement.comparison, judgement.named),
        "## How it was trained",
        settings(promoted.metrics, run.metrics),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _counts(judgement: Judgement) -> str:
    n_came = judgement.n_came
    return f"{n_photos(len(judgement.comparison.old.files) - n_came)} that both held out, {n_came} that came since"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def errors(comparison: Comparison) -> str:
    """Return the table of errors: of all photos, then by label."""
    old, new, n = comparison.old, comparison.new, len(comparison.old.files)
    rows = [["all photos", str(n), *_share(old.n_wrong, n), *_share(new.n_wrong, n)]]
    before, after = old.wrong_by_label(), new.wrong_by_label()
    shown = [label for label in old.vocab if label in after and before[label][0]]
    for label in shown[:MAX_LABELS]:
        (n, wrong), (_, wrong_after) = before[label], after[label]
        rows.append([code(label), str(n), *_share(wrong, n), *_share(wrong_after, n)])
    text = table("photos of | number | now wrong | 95% interval | candidate wrong | 95% interval", rows)
    return text + _more(shown, MAX_LABELS, "labels")


def _share(wrong: int, n: int) -> list[str]:
    low, high = wilson(wrong, n)
    return [f"{wrong} ({wrong / n:.1%})", f"{low:.1%} to {high:.1%}"]


def _more(names: Sequence[object], most: int, what: str) -> str:
    return f"\nand {len(names) - most} more {what}\n" if len(names) > most else ""


def reasons(reason: Reason) -> list[str]:
    """Return sentences on what has drifted and what came in."""
    lines = [*reason.drifts, f"{reason.counts.capitalize()} since the model in use was trained."]
    if reason.check:
        whole = total(reason.check.days.values())
        lines.append(
            f"The app gave {whole.n} answers of this model; users judged {whole.n_judged} and corrected "
            f"{whole.corrected}. A correction is trained on once a person has kept it."
        )
    return lines


def came_and_went(reason: Reason) -> str:
    """Return the table of photos that came and went, by label; "" for none."""
    came, gone = reason.changes.n_came(), reason.changes.n_gone()
    names = sorted({*came, *gone}, key=lambda name: (-came[name] - gone[name], name))
    rows = [[code(name), str(came[name]), str(gone[name])] for name in names[:MAX_LABELS]]
    return table("label | came | went", rows) + _more(names, MAX_LABELS, "labels") if rows else ""


def to_do(promoted: Promoted, judgement: Judgement) -> list[str]:
    """Return what a person should look at."""
    n_broken = len(judgement.comparison.broken)
    lines = [f"{n_photos(n_broken)} answered rightly before and wrongly now" + (", below." if n_broken else ".")]
    if judgement.left_out:
        lines.append("Some photos have a label that one of the two models does not know, and are not compared.")
    if "operating_point" in promoted.metrics:
        lines.append(
            "The model in use has an operating point, and the candidate has none: `python -m training.operate`."
        )
    return [*lines, "The model card has the figures of before: `python -m training.report --card` writes the new ones."]


def broken(comparison: Comparison, named: bool = True) -> str:
    """Return the table of the photos that were right before and are wrong now; "" for none.

    named: whether names of files may be told; else a photo is the beginning of its SHA-256.
    """
    rows = []
    for i in comparison.broken[:MAX_SHOWN]:
        file, old, new = comparison.old.files[i], comparison.old, comparison.new
        name = f"{file.parent.name}/{file.name}" if named else sha256_of(file)[:12]
        answers = (new.truth(i), new.answer(i), f"{old.confidence(i):.0%}", f"{new.confidence(i):.0%}")
        rows.append([code(name), code(answers[0]), code(answers[1]), *answers[2:]])
    if not rows:
        return ""
    text = table("photo | is, and was said to be | is said to be now | how surely before | now", rows)
    return text + _more(comparison.broken, MAX_SHOWN, "photos")


def settings(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return the options and versions of a candidate, and a table of those that differ from the model in use."""
    used = ", ".join(f"{name} {value}" for name, value in {**new["options"], **new["versions"]}.items())
    changed = [[code(name), code(before), code(after)] for name, before, after in setting_changes(old, new)]
    told = (
        table("differs | model in use | candidate", changed)
        if changed
        else "Both models have the same options and versions.\n"
    )
    return f"{told}\n{_wrapped(used)}"


def _wrapped(text: str) -> str:
    """Return a list of options as code; it is longer than a name."""
    line = shorten(text, 600).replace("`", "'")
    return f"`{line}`"
