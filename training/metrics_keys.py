"""What each key of metrics.json holds: docs/reference/metrics.md is made of it."""

# What each key holds. A name in capitals stands for any name, [] for each entry of a list. Shares are 0 to 1, times UTC
KEYS = {
    "date": "when the training ended",
    "error_rate": "share of the held-out photos with a wrong answer; where they may have several labels, with a label "
    "too many or too few",
    "error_interval": "95% interval of `error_rate`, lowest and highest (Wilson)",
    "n_wrong": "held-out photos with a wrong answer",
    "valid_loss": "mean cross-entropy of the held-out photos, 0 and up; the mean over labels where each has a "
    "probability on its own",
    "data_sha256": "SHA-256 of the list of photos that the training was given, as `python -m training.data` prints it",
    "n_train": "photos that the model learned from",
    "n_valid": "photos that `error_rate` was measured on",
    "measured": "how they were held out: `out of fold` (in turn, each answered by a probe that did not learn from it) "
    "or `validation` (no part of the model learned from them)",
    "photos.LABEL.train": "photos of the label that the model learned from",
    "photos.LABEL.valid": "photos of the label in the validation set; 0 where photos are held out in turn",
    "by_label.LABEL.n": "held-out photos of the label",
    "by_label.LABEL.wrong": "how many of them have a wrong answer",
    "by_label.LABEL.low": "lower end of the 95% interval of that share",
    "by_label.LABEL.high": "upper end of the 95% interval of that share",
    "unreadable[]": "a file that could not be opened, as label/name",
    "fine_tuning": "null where fine-tuning was not tried to its end",
    "fine_tuning.kept": "whether the export holds the fine-tuned network, not the frozen one with a probe",
    "fine_tuning.loss_before": "mean calibrated loss of the validation photos before fine-tuning",
    "fine_tuning.loss_after": "the same after fine-tuning",
    "fine_tuning.p": "probability of such a gain if there was none (paired t-test, one-sided)",
    "fine_tuning.n": "photos that decided",
    "epochs[]": "a row of the table that fastai prints while it fine-tunes, by column: epoch, train_loss, valid_loss, "
    "error_rate (accuracy_multi with several labels a photo), time",
    "calibration": "null where the probabilities are plain softmax, or plain sigmoids",
    "calibration.temperature": "what scores are divided by before the softmax",
    "calibration.n_photos": "photos that it was fitted on, none of which the scoring model learned from",
    "calibration.n_folds": "parts that were held out in turn",
    "calibration.error_rate": "share of those photos with a wrong answer",
    "calibration.before.error": "expected calibration error of plain softmax",
    "calibration.before.bins[].n": "answers whose probability lies in the bin (15 bins of equal width)",
    "calibration.before.bins[].confidence": "their mean probability",
    "calibration.before.bins[].accuracy": "share of them that is right",
    "calibration.after.error": "expected calibration error with the temperature, each fold at that of the others",
    "calibration.after.bins[].n": "as under `before`",
    "calibration.after.bins[].confidence": "as under `before`",
    "calibration.after.bins[].accuracy": "as under `before`",
    "familiarity.accepted": "share of the held-out photos that count as familiar; null where the model cannot tell",
    "familiarity.threshold": "familiarity from which on a photo counts as familiar; null where the model cannot tell",
    "familiarity.unfamiliar": "share of a label's photos that count as unfamiliar when the label is left out of the "
    "training, over all labels left out in turn; null where that cannot be measured",
    "familiarity.auroc": "how well familiarity separates them from the other photos: 0.5 is chance, 1 always",
    "familiarity.left_out.LABEL.n": "photos of the label that was left out",
    "familiarity.left_out.LABEL.unfamiliar": "share of them that counts as unfamiliar",
    "familiarity.left_out.LABEL.auroc": "how well familiarity separates them from the other photos",
    "options.OPTION": "an option of `training.train`, by its name; of `weights` the file name without its folder",
    "versions.PACKAGE": "version of Python or of a package that trained",
    "valid_sha256[]": "SHA-256 of a validation photo: the next run holds out the same photos",
    "held_out.labels[]": "a label, at its index in `held_out.answers`",
    "held_out.answers.SHA256.INDEX": "probability of the label with this index for the photo with this SHA-256, by a "
    "model that had not seen it. The 8 most probable labels; others share the rest",
    "held_out.targets.SHA256": "index of the label that the photo with this SHA-256 had when the training ran",
    "held_out.familiarity": "null where the model cannot tell",
    "held_out.familiarity.SHA256": "familiarity of that photo",
    "operating_point.precision": "share of the answers given alone that is right, as `training.operate` promised it; "
    "null where costs were weighed. The key `operating_point` is missing where nothing was promised",
    "operating_point.thresholds[]": "probability from which on a label answers alone, in the order of "
    "`held_out.labels`; null where it never does",
    "operating_point.n": "answers that would have been given alone on the held-out photos",
    "operating_point.right": "share of them that is right; null where there are none",
    "operating_point.right_interval": "95% interval of `right`, lowest and highest (Wilson)",
    "operating_point.asked": "share of the held-out photos that a person would have been asked about",
    "operating_point.candidates": "null where no coverage was promised",
    "operating_point.candidates.coverage": "share of the photos whose candidates have the right label among them, as "
    "promised",
    "operating_point.candidates.least": "probability from which on a label is a candidate",
    "export.bytes": "size of the export that these figures are of",
    "export.sha256": "its SHA-256: figures of another export are not used",
    "test.n": "photos of a given test set (DATA/test); the key is missing where there is none",
    "test.n_wrong": "how many of them have a wrong answer",
    "test.error_rate": "share of them with a wrong answer",
    "test.by_label.LABEL.n": "as under `by_label`",
    "test.by_label.LABEL.wrong": "as under `by_label`",
    "test.by_label.LABEL.low": "as under `by_label`",
    "test.by_label.LABEL.high": "as under `by_label`",
    "trust.date": "when `benchmarks.trust --save` measured the export; the key `trust` is missing before",
    "trust.n_known": "photos of its labels from another source",
    "trust.n_other": "photos of anything else",
    "trust.groups[].name": "which photos: those held out, those from another source, the same in grey and as sketches",
    "trust.groups[].n": "how many",
    "trust.groups[].right": "share of them with the right answer",
    "trust.groups[].by_label.LABEL[]": "photos of the label with the right answer, then all photos of the label",
    "trust.groups[].softmax": "expected calibration error of plain softmax",
    "trust.groups[].calibrated": "expected calibration error of the probabilities as they are served; null where the "
    "export is not calibrated",
    "trust.groups[].low": "lower end of its 95% bootstrap interval",
    "trust.groups[].high": "upper end of its 95% bootstrap interval",
    "trust.groups[].familiar": "share that counts as familiar; null where the model cannot tell",
    "trust.scores[].name": "which score decides between photos of the labels and others",
    "trust.scores[].threshold": "from which on a photo passes",
    "trust.scores[].known": "share of the photos of its labels that passes",
    "trust.scores[].other": "share of the photos of anything else that passes",
    "trust.scores[].auroc": "how well the score separates the two: 0.5 is chance, 1 always",
    "trust.ms": "median milliseconds from a file to its answer",
    "trust.cores": "cores that answered",
    "trust.heatmaps[].photos": "which photos",
    "trust.heatmaps[].share": "share of them in which blurring the heatmap's top fifth lowers the score of the answer "
    "more than blurring a random fifth",
    "trust.heatmaps[].n": "how many photos",
    "trust.heatmaps[].top": "median by which the top fifth lowers it",
    "trust.heatmaps[].at_random": "median by which a random fifth lowers it",
}

# What is there besides where a photo may have several labels, or none. `calibration.temperature` and `.error_rate`, and
# `wrong`, `low` and `high` of a label, are missing there
SEVERAL_LABELS_KEYS = {
    "several_labels.mean_average_precision": "mean of the labels' average precision on the held-out photos; the key "
    "`several_labels` is missing where each photo has one label",
    "several_labels.thresholds.LABEL": "probability above which a photo gets the label",
    "several_labels.n_with_several": "held-out photos with more than one label",
    "several_labels.n_without": "held-out photos without a label",
    "several_labels.none_right": "share of them that get no label; null where there are none",
    **{
        f"{of}by_label.LABEL.{key}": meaning
        for of in ("", "test.")
        for key, meaning in {
            "said": "photos that get the label, where a photo may have several",
            "found": "photos that get the label and show it",
            "precision": "share of the photos that get the label that show it; null where none gets it",
            "precision_interval": "95% interval of `precision`, lowest and highest (Wilson)",
            "recall": "share of the photos that show the label that get it; null where none shows it",
            "recall_interval": "95% interval of `recall`, lowest and highest (Wilson)",
            "f1": "harmonic mean of `precision` and `recall`",
            "average_precision": "area under the precision-recall curve of the label; null where no photo shows it",
        }.items()
    },
    "calibration.slopes[]": "what a label's score is multiplied by, in the order of `held_out.labels`",
    "calibration.biases[]": "what is added then, before the sigmoid",
    "calibration.before.by_label[]": "expected calibration error of each label; `error` is their mean",
    "calibration.after.by_label[]": "as under `before`",
    "held_out.targets.SHA256[]": "index of a label that the photo had then",
    "held_out.predicted.SHA256[]": "index of a label that the photo gets, by thresholds that did not learn from it",
}
KEYS |= SEVERAL_LABELS_KEYS
