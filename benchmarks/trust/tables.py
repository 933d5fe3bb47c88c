"""Format the figures of `benchmarks.trust` as tables."""

from collections.abc import Sequence

COLUMNS = (
    f"{'photos':<30} {'n':>4} {'right':>7} {'softmax':>9} {'calibrated':>11} {'(95% interval)':<16} {'familiar':>9}"
)


def first_table(groups: Sequence[dict], fit: dict | None) -> str:
    """Return the first table: how right and how calibrated. fit: `calibration` in metrics.json, where it is there."""
    lines = [f"{'':<44} calibration error", COLUMNS, *map(row, groups)]
    if fit:
        lines.append(
            f"{'out of fold':<30} {fit['n_photos']:>4} {1 - fit['error_rate']:>7.1%} "
            f"{fit['before']['error']:>9.3f} {fit['after']['error']:>11.3f}"
        )
    return "\n".join(lines)


def row(of: dict) -> str:
    """Return a line of the first table."""
    ours = "-" if of["calibrated"] is None else f"{of['calibrated']:.3f}"
    familiar = "-" if of["familiar"] is None else f"{of['familiar']:.1%}"
    return (
        f"{of['name']:<30} {of['n']:>4} {of['right']:>7.1%} {of['softmax']:>9.3f} "
        f"{ours:>11} {'({low:.3f} to {high:.3f})'.format(**of):<16} {familiar:>9}"
    )


def second_table(scored: Sequence[dict], n_known: int, n_other: int) -> str:
    """Return the second table: what of the known and of the others passes."""
    lines = [
        f"{of['name']:<37} {of['threshold']:>9.3f} {of['known']:>9.1%} {of['other']:>9.1%} {of['auroc']:>7.3f}"
        for of in scored
    ]
    return "\n".join(
        [
            f"{'score':<37} {'threshold':>9} {'known':>9} {'other':>9} {'AUROC':>7}",
            *lines,
            f"{n_known} photos of its labels, {n_other} of anything else",
        ]
    )
