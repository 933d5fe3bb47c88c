"""Names of the functions in a pickle: by reference, as a method, in a partial, or stored by value (cloudpickle)."""

from .nodes import Call, Name, Node, args_of, attributes, by_text, items_of, name_of, pairs_of

MAX_FUNCTIONS, MAX_NAME_LENGTH = 50, 200  # functions of a transform; characters of a name


def function_names(tfm: Node) -> list[str]:
    """Return the names of the functions that a `Transform` was made of; [] for one of a class of its own."""
    dispatch = attributes(attributes(tfm).get("encodes"))
    rows = [
        *(items_of(dispatch.get("_resolved"), MAX_FUNCTIONS) or ()),
        *(items_of(dispatch.get("_pending"), MAX_FUNCTIONS) or ()),
    ]
    found = [row[0] for row in rows if type(row) is tuple and row]
    if "_f" in dispatch and not found:
        found.append(dispatch["_f"])
    by_first = pairs_of(attributes(dispatch.get("funcs")).get("d"), MAX_FUNCTIONS) or ()  # fastai before 2.8
    for _, by_second in by_first:
        found += [function for _, function in pairs_of(attributes(by_second).get("d"), MAX_FUNCTIONS) or ()]
    return [function_name(function) for function in found]


def function_name(node: Node, depth: int = 4) -> str:
    """Return the name of a function. depth: how many methods and partials it may lie in; "" beyond."""
    if not depth:
        return ""
    if isinstance(node, Name):
        return node.full
    name, args = name_of(node), args_of(node)
    if name == "builtins.getattr" and len(args) == 2 and type(args[1]) is str:
        return f"{function_name(args[0], depth - 1) or 'an object'}.{args[1][:MAX_NAME_LENGTH]}"
    if name == "types.MethodType" and len(args) == 2:
        return f"{function_name(args[1], depth - 1)}.{function_name(args[0], depth - 1).rpartition('.')[2]}"
    if name == "functools.partial" and args:
        return function_name(args[0], depth - 1)
    return _stored_name(node) or name


def _stored_name(node: Node) -> str:
    """Return the name among the attributes of a function that is stored by value; "" where there is none."""
    slots = node.state[-1] if isinstance(node, Call) and type(node.state) is tuple and node.state else None
    for state in (attributes(node), by_text(slots)):
        module, own = state.get("__module__"), state.get("__qualname__")
        if type(own) is str:
            return f"{module[:MAX_NAME_LENGTH] if type(module) is str else None}.{own[:MAX_NAME_LENGTH]}"
    return ""
