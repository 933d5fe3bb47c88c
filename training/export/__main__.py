"""Write export.onnx, the compiled copy that the app serves from, for an export that came without.

Usage:

    python -m training.export export.pkl
"""

from fastcore.script import CliError

from classifier.command_line import run
from classifier.export import ExportError
from classifier.inference.compiled_copy import CompileError
from classifier.inference.onnx_export import write_compiled


def main(
    export: str,  # any fastai export; its compiled copy is written beside it
) -> None:
    "Write export.onnx, the compiled copy that the app serves from, for an EXPORT that has none or an old one."
    try:
        path = write_compiled(export)
    except (CompileError, ExportError) as error:
        raise CliError(str(error)) from error
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, a compiled copy of {export}")


if __name__ == "__main__":
    run(main)
