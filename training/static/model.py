"""Get the compiled copy of an export, export.onnx, which the page runs: the one beside it, or one made in memory.

Gives  `compiled`
"""

from dataclasses import dataclass

from fastcore.script import CliError

from classifier import Classifier
from classifier.export import ExportError, check_file, read_export
from classifier.files import sha256
from classifier.inference.compiled_copy import CompileError, engine_from_bytes, onnx_path
from classifier.inference.onnx_export import to_onnx


@dataclass(frozen=True)
class CompiledModel:
    """The bytes of a compiled copy, and the classifier in them."""

    data: bytes
    classifier: Classifier

    @classmethod
    def from_bytes(cls, data: bytes, export_sha256: str, name: str = "The compiled copy") -> "CompiledModel":
        """Return a compiled copy; CompileError where it is none of that export. name: what it is called there."""
        engine, facts = engine_from_bytes(data, name, export_sha256)
        return cls(data, Classifier(engine, facts, export_sha256))


def compiled(export: str) -> CompiledModel:
    """Return an export's compiled copy; CliError for an export that cannot be opened or compiled."""
    path = onnx_path(export)
    try:
        check_file(export)
        digest = sha256(export)
        try:
            return CompiledModel.from_bytes(path.read_bytes(), digest, path.name)
        except FileNotFoundError:
            print(f"There is no {path}: compiling {export}", flush=True)
        except (OSError, CompileError) as why:
            print(f"{why} Compiling {export}", flush=True)
        from classifier.inference.torch_engine import TorchEngine

        read = read_export(export)
        return CompiledModel.from_bytes(to_onnx(TorchEngine(read), read.facts, digest), digest)
    except (CompileError, ExportError) as error:
        raise CliError(f"The page runs export.onnx, and there is none of {export}. {error}") from error
