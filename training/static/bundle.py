"""Put JavaScript modules into one classic script, for a page that is opened as a file: browsers load no modules there.

Gives  `bundle`

It knows the forms of import and export that browser/ uses, and those in the two libraries, and refuses any other: each
module becomes a function that returns its exports, called after those that it imports. `import(address)` finds the
modules named `later`, by the last part of the address.
"""

import re
from collections.abc import Mapping, Sequence

IMPORT = re.compile(r'^import\s+(?:\*\s+as\s+(\w+)|\{([^}]*)\})\s+from\s+"\./([^"/]+)";?[ \t]*$', re.M)
EXPORT_FROM = re.compile(r'^export\s*\{([^}]*)\}\s*from\s*"\./([^"/]+)";?[ \t]*$', re.M)
EXPORT_LIST = re.compile(r"(?:^|(?<=;))export\s*\{([^}]*)\};?", re.M)
EXPORT = re.compile(r"^export\s+(?=((?:async\s+)?function\b\s*\*?|class|const)\s*([\w$]+))", re.M)
EXPORT_DEFAULT = re.compile(r"^export default ([\w$]+);?[ \t]*$", re.M)
UNKNOWN = re.compile(r"^(?:import\b(?!\s*[(.])|export\b).*", re.M)
LATER = """const $later = {}, $import = address => {
  const name = address.split("/").at(-1)
  return Promise.resolve($modules[name] ??= $later[name]())
}
"""


def names_of(inside: str) -> list[tuple[str, str]]:
    """Return the pairs in the braces of an import or export: for `a, b as c` these are a, a and b, c."""
    pairs = [re.split(r"\s+as\s+", part.strip()) for part in inside.split(",") if part.strip()]
    return [(pair[0], pair[-1]) for pair in pairs]


class Module:
    """A module as a function: `code`, what it exports, and which names it imports of which modules."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.imports: dict[str, set[str]] = {}
        self.exports: dict[str, str] = {}
        text = IMPORT.sub(self._imported, text)
        text = EXPORT_FROM.sub(self._passed_on, text)
        for pattern, of in ((EXPORT_LIST, self._listed), (EXPORT, self._declared), (EXPORT_DEFAULT, self._default)):
            text = pattern.sub(of, text)
        if unknown := UNKNOWN.search(text):
            raise ValueError(f"{name}: a form of import or export that the bundler does not know: {unknown[0][:80]}")
        self.code = re.sub(r"\bimport\.meta\.url\b", "location.href", text)

    def _imported(self, found: re.Match[str]) -> str:
        whole, inside, module = found.groups()
        pairs = names_of(inside or "")
        self.imports.setdefault(module, set()).update(name for name, _ in pairs)
        return f'const {whole or "{ " + ", ".join(map(": ".join, pairs)) + " }"} = $modules["{module}"]'

    def _passed_on(self, found: re.Match[str]) -> str:
        pairs = names_of(found[1])
        self.imports.setdefault(found[2], set()).update(name for name, _ in pairs)
        self.exports |= {known_as: f'$modules["{found[2]}"].{name}' for name, known_as in pairs}
        return ""

    def _listed(self, found: re.Match[str]) -> str:
        self.exports |= {known_as: name for name, known_as in names_of(found[1])}
        return ""

    def _declared(self, found: re.Match[str]) -> str:
        self.exports[found[2]] = found[2]
        return ""

    def _default(self, found: re.Match[str]) -> str:
        self.exports["default"] = found[1]
        return ""

    def __str__(self) -> str:
        exports = ", ".join(f'"{known_as}": {name}' for known_as, name in self.exports.items())
        return f'() => {{\n"use strict"\n{self.code}\nreturn {{ {exports} }}\n}}'


def in_order(modules: Mapping[str, Module], entry: str) -> list[str]:
    """Return an entry and all that it imports, in the order to run them; ValueError for a circle or a missing name."""
    ordered: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' → '.join((*above, name))}")
        for imported, wanted in modules[name].imports.items():
            if imported not in modules or not wanted <= set(modules[imported].exports):
                raise ValueError(f"{name} imports what {imported} does not export: {', '.join(sorted(wanted))}")
            visit(imported, (*above, name))
        if name not in ordered:
            ordered.append(name)

    visit(entry, ())
    return ordered


def bundle(files: Mapping[str, str], entry: str, later: Sequence[str] = ()) -> str:
    """Return one script that does what the module `entry` does. files: text of the modules by name."""
    modules = {name: Module(name, text) for name, text in files.items()}
    parts = ["const $modules = {}", LATER]
    parts += [f'$later["{name}"] = {modules[name]}' for name in later]
    for name in in_order(modules, entry):
        code = re.sub(r"\bimport\(", "$import(", str(modules[name]))
        parts.append(f'$modules["{name}"] = ({code})()')
    return "\n".join(parts) + "\n"
