"""Where each op of a model went: packed, fused into another, folded away, or left to IREE, and why.

The frontend locates all that an op is lowered to at the op's key; passes keep locations, or fuse them. So the module at
the end says of each kernel, and of each op that IREE is left with, which of the model's ops it stands for. What the
reasons need besides is seen on the way: at floor 1 the MACs and what is constant, at floor 2 the part an op has in the
kernel that takes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import iree.compiler.ir as ir

from rt3d_mlir.explain import floor_facts
from rt3d_mlir.explain.explanation import FOLDED, FUSED, LEFT, PACKED, Explanation
from rt3d_mlir.explain.fate_costs import FateCosts
from rt3d_mlir.explain.floor_facts import RESHAPES
from rt3d_mlir.explain.op_work import OpWork
from rt3d_mlir.frontend.model_ops import ModelOp
from rt3d_mlir.frontend.random_numbers import is_random
from rt3d_mlir.passes.framework.base import LayerFacts, Pass, State
from rt3d_mlir.passes.framework.provenance import keys, tensor_ops
from rt3d_mlir.passes.ir.match import defining_op, is_f32, static_shape
from rt3d_mlir.runtime.artifact import Fate
from rt3d_mlir.targets import Target

#: Kinds that change no number when a model is evaluated.
_NO_WORK = (
    *("dropout", "feature_dropout", "alpha_dropout", "identity", "alias", "detach", "clone", "contiguous"),
    *("to", "cast", "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand"),
)
#: Import makes one a conv of weights turned round, over an input spread with zeros: passes would refuse it for those.

_VARIANCE = "on import its variance became arithmetic in float64, for precision"
#: Kinds that torch-mlir's decompositions compute in other types than the model does.
_DECOMPOSED = dict.fromkeys(("norm", "var", "std"), _VARIANCE)


class Trace:
    """Watches a pipeline: made of floor 1 and the model's ops by key; `after_each` is for `run_pipeline`."""

    def __init__(self, module: ir.Module, model: Mapping[str, ModelOp]) -> None:
        self._module = module
        self._model = model
        self._order = {key: position for position, key in enumerate(model)}
        self._macs = floor_facts.macs_by_op(module, self._keys)
        self._folding = floor_facts.folding(module, self._keys)
        self._scheduled = False
        self._roles: dict[str, str] = {}
        self._layers: dict[str, list[str]] = {}
        self._weights: dict[str, str] = {}
        """The conv whose weights an op is folded into."""
        self._writers: dict[str, set[str]] = {}
        """The ops whose results an op inserts into its padding, or into what it joins."""

    def after_each(self, step: Pass, module: ir.Module) -> None:
        """Notes which part each op has, and which layers it is, as long as the module is not scheduled."""
        self._scheduled = self._scheduled or step.name.startswith("schedule-")
        if self._scheduled:
            return
        roles: dict[str, list[str]] = {}
        self._layers, self._weights, self._writers = {}, {}, {}
        for op in tensor_ops(module):
            standing, layer = self._keys(op), floor_facts.layer_of(op)
            for key in standing:
                roles.setdefault(key, []).append(floor_facts.role(op))
            if layer is not None and standing:
                self._layers.setdefault(standing[0], []).append(layer)
                self._weights.update(dict.fromkeys(standing[1:], standing[0]))
            if op.name == "tensor.insert_slice":
                made = defining_op(op.operands[0])
                writers = {*self._keys(made)} if made else set()
                for key in {*standing} - writers:
                    self._writers.setdefault(key, set()).update(writers)
        self._roles = {key: max(found, key=[*floor_facts.ROLES].index) for key, found in roles.items()}

    def explain(self, state: State, target: Target) -> Explanation:
        """Of the module as the pipeline left it, with times estimated for `target`."""
        work = OpWork(self._module)
        costs = FateCosts(work, target.rates)
        standing = [(op, found) for op in tensor_ops(self._module) if (found := self._keys(op))]
        ops = [(op, found) for op, found in standing if not work.is_constant(op)]
        kernels: dict[str, list[ir.OpView]] = {}
        left: dict[str, list[ir.OpView]] = {}
        for op, found in ops:
            if floor_facts.is_kernel(op):
                kernels.setdefault(self._main(op, found), []).append(op)
            elif floor_facts.is_left(op):
                left.setdefault(found[0], []).append(op)
        fates = {}
        for key in self._model:
            fate = self._fate(key, ops, state)
            fates[key] = costs.add(fate, kernels.get(key, []), left.get(key, []), self._by_winograd(key, state))
        return Explanation(list(_with_conversions(fates, ops, costs)))

    def _by_winograd(self, key: str, state: State) -> bool:
        layers = [state.layers.get(layer) for layer in self._layers.get(key, ())]
        return any(facts is not None and facts.by_winograd for facts in layers)

    def _keys(self, op: ir.OpView) -> list[str]:
        return sorted(keys(op) & self._order.keys(), key=self._order.__getitem__)

    def _main(self, op: ir.OpView, standing: Sequence[str]) -> str:
        """Whose kernel a dispatch is: the conv's whose layer it is called like, else the first op's that is none."""
        named = [
            (len(layer), key)
            for key in standing
            for layer in self._layers.get(key, ())
            if floor_facts.is_kernel_of(op, layer)
        ]
        others = [key for key in standing if key not in self._layers and key not in self._weights]
        return max(named)[1] if named else [*others, *standing][0]

    def _fate(self, key: str, ops: Sequence[tuple[ir.OpView, list[str]]], state: State) -> Fate:
        mine = [(op, standing) for op, standing in ops if key in standing]
        kernels = {self._main(op, standing): standing for op, standing in mine if floor_facts.is_kernel(op)}
        left = [op for op, _ in mine if floor_facts.is_left(op)]
        name, kind, macs = self._model[key].name, self._model[key].kind, self._macs.get(key, 0)
        if key in kernels:
            layers = [
                state.layers[layer] for layer in dict.fromkeys(self._layers.get(key, ())) if layer in state.layers
            ]
            before, after = sum(layer.macs_before for layer in layers), sum(layer.macs_after for layer in layers)
            unpacked = max(0, macs - before)
            off = unpacked if any(floor_facts.is_product(op) for op in left) else 0
            macs = after + off if layers else macs
            padding = [
                main
                for main, standing in kernels.items()
                if main != key and self._writers.get(key, set()) & {*standing}
            ]
            others = [main for main in kernels if main != key and main not in padding]
            why = self._why_packed(kind, layers, padding, others, left)
            return Fate(name, kind, macs, PACKED, [], why, macs_off=off, in_part=bool(left))
        if self._weights.get(key) in kernels:  # the padding that its conv has is elsewhere
            into = [self._model[self._weights[key]].name]
            return Fate(name, kind, macs, FUSED, into, floor_facts.ROLES["weights"], in_part=bool(left))
        if left:
            why = state.reasons.get(key) or self._why_left(key, left)
            return Fate(name, kind, macs, LEFT, [], why, macs_off=macs)
        if kernels:
            return Fate(name, kind, macs, FUSED, self._names(kernels), floor_facts.ROLES[self._roles.get(key, "")])
        if any(floor_facts.is_conversion(op) for op, _ in mine):
            return Fate(name, kind, macs, FUSED, ["block_layout"], "done by the conversion of the layout")
        return Fate(name, kind, 0, FOLDED, [], self._folding.get(key) or _why_gone(kind))

    def _names(self, standing: Iterable[str]) -> list[str]:
        return [self._model[key].name for key in standing]

    def _why_packed(
        self,
        kind: str,
        layers: Sequence[LayerFacts],
        padding: Sequence[str],
        others: Sequence[str],
        left: Sequence[ir.OpView],
    ) -> str:
        said = ["as one conv of all phases"] if _is_transposed_conv(kind) else []
        said += ["dense" if layer.kept_share == 1 else f"{layer.kept_share:.1%} kept" for layer in layers]
        said += [layer.how for layer in layers if layer.how]
        said += [f"padding written by {', '.join(self._names(padding))}"] if padding else []
        said += [f"bias added by {', '.join(self._names(others))}"] if others else []
        said += [f"left to IREE: {', '.join(dict.fromkeys(op.name for op in left))}"] if left else []
        return "; ".join(dict.fromkeys(said if layers else ["a kernel of its own", *said]))

    def _why_left(self, key: str, ops: Sequence[ir.OpView]) -> str:
        results = [value for op in ops for value in op.results]
        contractions = [op for op in ops if floor_facts.is_product(op)]
        tensors = [value for value in results if isinstance(value.type, ir.RankedTensorType)]
        other = [ir.RankedTensorType(value.type).element_type for value in tensors if not is_f32(value)]
        if any(is_random(op) for op in ops):
            return "it draws random numbers; kernels draw none"
        if other and not contractions:
            return f"{_computes(other[0], self._model[key].kind)}; kernels know float32"
        if any(static_shape(value) is None for value in tensors):
            return "its shape is known at run time only"
        names = ", ".join(dict.fromkeys(op.name for op in contractions or ops))
        return f"no pass has a blocked form of {names}{self._behind(key, ops)}"

    def _behind(self, key: str, ops: Sequence[ir.OpView]) -> str:
        """Whose result, left to IREE too, they read: NCDHW as it is, it may be all that is in the way."""
        made = [maker for op in ops for value in op.operands if (maker := _maker(value)) and floor_facts.is_left(maker)]
        before = [standing[0] for op in made if (standing := self._keys(op)) and key not in standing]
        return f" behind {', '.join(self._names(dict.fromkeys(before)))}" if before else ""


def _with_conversions(
    fates: Mapping[str, Fate], ops: Sequence[tuple[ir.OpView, list[str]]], costs: FateCosts
) -> Iterator[Fate]:
    """The fates in order, each conversion before the op that reads it, or behind the one that makes it."""
    before: dict[str, list[Fate]] = {}
    behind: dict[str, list[Fate]] = {}
    for op, standing in ops:
        if floor_facts.is_conversion(op):
            place, key = (before, standing[0]) if floor_facts.is_entry(op) else (behind, standing[-1])
            place.setdefault(key, []).append(costs.conversion(op))
    for key, fate in fates.items():
        yield from (*before.get(key, ()), fate, *behind.get(key, ()))


def _computes(element: ir.Type, kind: str) -> str:
    """What an op does that is no arithmetic in float32, in the words of who wrote the model."""
    decomposed = [said for word, said in _DECOMPOSED.items() if word in kind.lower()]
    if decomposed:
        return decomposed[0]
    if isinstance(element, ir.IntegerType) and element.width == 1:
        return "it makes a mask of true and false"
    if isinstance(element, ir.IntegerType | ir.IndexType):
        return f"it computes with whole numbers, such as indices ({element})"
    return f"it computes in {str(element).replace('f', 'float', 1)}"


def _is_transposed_conv(kind: str) -> bool:
    """Of `conv_transpose3d`, as PyTorch calls it, or `ConvTranspose`, as ONNX does."""
    return kind.lower().replace("_", "").startswith("convtranspose")


def _why_gone(kind: str) -> str:
    """Of an op that the import leaves nothing of."""
    nothing = kind.lower().removesuffix("_") in _NO_WORK
    return "computes nothing" if nothing else "merged with its neighbours, or evaluated, on import"


def _maker(value: ir.Value) -> ir.OpView | None:
    """The op that makes a value, behind those that move no data."""
    op = defining_op(value)
    return _maker(op.operands[0]) if op is not None and op.name in RESHAPES else op
