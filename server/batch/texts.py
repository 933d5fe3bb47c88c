"""Texts of the page /many."""


def column_titles(reports_familiarity: bool, multi_label: bool = False, decides: bool = False) -> dict[str, str]:
    """Return the heads of the table, by the name that the script sorts by."""
    return {
        "file": "File",
        "label": "Labels" if multi_label else "Label",
        "probability": "Probability",
        **({"familiar": "Familiar"} if reports_familiarity else {}),
        **({"decision": "Decision"} if decides else {}),
    }


def intro(
    max_photos: int, max_mb: float, reports_familiarity: bool, feedback: bool = False, multi_label: bool = False
) -> str:
    """Return what the page does with photos; feedback: whether answers are counted."""
    several = "A photo may get several labels, or none of them; Probability is that of the first."
    familiarity = (
        f"{several} Where Familiar says no, it looks like none that the model learned from, and gets none."
        if multi_label and reports_familiarity
        else several
        if multi_label
        else "Where Familiar says no, a photo looks like none that the model learned from: don't rely on its label."
        if reports_familiarity
        else "This model cannot tell when a photo is none of its labels: it always answers with one of them."
    )
    counted = "; how many answers there were of each kind is counted" if feedback else ""
    return (
        f"Up to {max_photos} photos of {max_mb:g} MB each become a table that you can sort and download. They are "
        f"used for the answers alone, and not kept{counted}. {familiarity}"
    )


def script_texts(max_photos: int, max_mb: float, reports_familiarity: bool, decides: bool = False) -> dict[str, str]:
    """Return the messages of the page's script; it fills in the numbers in braces."""
    unfamiliar = ", {strange} not familiar" if reports_familiarity else ""
    doubtful = ", {ask} to ask a person about" if decides else ""
    return {
        "looking": "Looking for photos …",
        "none": "There is no photo in this.",
        "progress": "{n} of {of} photos",
        "turn": "Waiting for a turn: many photos were sent in a short time …",
        "done": f"{{n}} of {{of}} photos: {{wrong}} without an answer{unfamiliar}{doubtful}.",
        "too_many": f"These are {{n}} photos: the first {max_photos} are answered. python -m classifier FOLDER, on "
        "a machine of your own, takes any number.",
        "others": "Left out, because their names are not those of photos: {n}.",
        "too_large": f"This photo has more than {max_mb:g} MB. Send a smaller one.",
        "unreadable": "This could not be read. Choose it again.",
        "lost": "The app could not be reached. Try this photo again later.",
        "no_label": "none of them",
        "nearest": "none of these; nearest: {label}",
        "yes": "yes",
        "no": "no",
    }
