"""Encoder layers that train fast on CPUs: no padding, one autograd operation a layer, bf16 copies.

A layer of transformers makes a hundred small operations, each with its own pass over memory and
its own node in autograd's graph. Here a layer is one operation, with its backward pass written
out. The tokens of a batch are packed end to end, so that only attention sees padding. With bf16
products, activations and gradients are bf16 as well; the weights that the optimiser updates stay
fp32.

The formulas are those of BERT (Devlin and others 2019) and MPNet (Song and others 2020). The
weights stay in the model's own modules: :func:`unpack` leaves no trace.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from ie_model.inference.batching import round_up
from ie_model.training.arena import Arena
from ie_model.training.dropout import DropoutMasks

aten = torch.ops.aten

PACKABLE = {"bert", "electra", "roberta", "xlm-roberta", "camembert", "mpnet"}
"""Model types with these layers."""

_TOKENS = 32
"""Packed tokens are padded to a multiple of this: matrix kernels work in tiles, and have to
prepare for every new size."""

_ROW, _REST = 32, 8
"""In bf16, rows of attention are padded to a multiple of ``_ROW`` if more than ``_REST`` numbers
are left over: torch's softmax takes those one at a time."""


New = Callable[[tuple[int, ...]], Tensor]
"""Makes an uninitialised tensor of a shape, in the type of the products."""


@dataclass(frozen=True)
class Layout:
    """Where the sequences of a batch are among packed tokens and in the rows of attention.

    Attributes:
        lengths: tokens of each sequence.
        size: packed tokens, padding at their end included.
        places: length of a row of attention.
        heads: attention heads.
        head_size: width of a head.
    """

    lengths: list[int]
    size: int
    places: int
    heads: int
    head_size: int

    def spread(self, packed: Tensor, parts: int, new: New) -> Tensor:
        """Packed ``[tokens, parts * heads * size]`` as ``[parts, rows * heads, places, size]``,
        zero in padding."""
        spread = new((parts, len(self.lengths), self.heads, self.places, self.head_size))
        source = packed.view(-1, parts, self.heads, self.head_size).permute(1, 2, 0, 3)
        source = source[:, :, : sum(self.lengths)]
        for row, some in enumerate(source.split(self.lengths, dim=2)):
            spread[:, row, :, : some.shape[2]] = some
            spread[:, row, :, some.shape[2] :] = 0
        return spread.flatten(1, 2)

    def gather(self, spread: Tensor, new: New) -> Tensor:
        """The inverse of :meth:`spread`."""
        source = spread.unflatten(1, (len(self.lengths), self.heads)).permute(1, 3, 0, 2, 4)
        packed = new((self.size, *source.shape[2:]))
        real = sum(self.lengths)
        packed[real:] = 0
        for row, some in enumerate(packed[:real].split(self.lengths)):
            some.copy_(source[row, : len(some)])
        return packed.flatten(1)


class _Weights:
    """The parameters of one layer, and copies of them in the type of the products.

    ``copies`` hold weight and bias of the joint query, key and value, of the attention's output,
    and of the two feed-forward products. ``parameters`` are the model's own, for autograd: six
    weights, six biases, then weight and bias of the two normalisations.
    """

    def __init__(self, layer: Any, dtype: torch.dtype) -> None:
        attention = layer.attention
        if hasattr(attention, "attn"):  # MPNet
            own = attention.attn
            products, output, norm = (own.q, own.k, own.v), own.o, attention.LayerNorm
            self.hidden_rate = attention.dropout.p
        else:
            own = attention.self
            products, output = (own.query, own.key, own.value), attention.output.dense
            norm = attention.output.LayerNorm
            self.hidden_rate = attention.output.dropout.p
        self.attention_rate = own.dropout.p
        self.heads, self.head_size = own.num_attention_heads, own.attention_head_size
        self.epsilon = norm.eps
        linear = [*products, output, layer.intermediate.dense, layer.output.dense]
        self.parameters = [
            *(m.weight for m in linear), *(m.bias for m in linear),
            norm.weight, norm.bias, layer.output.LayerNorm.weight, layer.output.LayerNorm.bias,
        ]  # fmt: skip
        weights, biases = self.parameters[:6], self.parameters[6:12]
        self._joint = (weights[:3], biases[:3])
        self._single = [p for pair in zip(weights[3:], biases[3:], strict=True) for p in pair]
        self._as_they_are = dtype == weights[0].dtype
        self._matrices = (weights[:3], *([w] for w in weights[3:]))
        self._gradients = [
            torch.UntypedStorage(sum(p.nbytes for p in parts)) for parts in self._matrices
        ]
        with torch.no_grad():
            joint = [torch.cat(parts) for parts in self._joint]
            self.copies = [p.to(dtype) for p in (*joint, *self._single)]

    def renew(self) -> None:
        """Bring the copies up to date, in place.

        New memory for a whole model at every update would cost more than the copying.
        """
        with torch.no_grad():
            for copy, parts in zip(self.copies, self._joint, strict=False):
                for place, part in zip(copy.chunk(3), parts, strict=True):
                    place.copy_(part)
            if self._as_they_are:
                self.copies[2:] = [p.detach() for p in self._single]
            else:
                for copy, part in zip(self.copies[2:], self._single, strict=True):
                    copy.copy_(part)

    def gradient(self, number: int, left: Tensor, right: Tensor) -> Tensor:
        """``left.t() @ right``, the gradient of matrix ``number``, in memory that is kept for it.

        With accumulation that memory still holds the gradient so far, and new memory is taken.
        """
        parts = self._matrices[number]
        if any(p.grad is not None for p in parts):
            return left.t() @ right
        shape = (left.shape[1], right.shape[1])
        kept = torch.empty(0, dtype=parts[0].dtype)
        kept.set_(self._gradients[number], 0, shape, (shape[1], 1))
        if self._as_they_are:
            return torch.mm(left.t(), right, out=kept)
        return kept.copy_(left.t() @ right)


class _Layer(torch.autograd.Function):
    """One layer: packed tokens in, packed tokens out, ``[tokens, hidden]``.

    ``forward`` takes the additive attention ``bias`` ``[rows * heads, 1 or places, places]``, an
    arena for what the backward pass needs (None: it will not be asked for), another for what the
    backward pass computes, and the masks of dropout (None: no dropout). ``parameters`` are those
    of the weights, passed so that autograd hands their gradients on.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        bias: Tensor,
        weights: _Weights,
        layout: Layout,
        arena: Arena | None,
        scratch: Arena,
        masks: DropoutMasks | None,
        *parameters: Tensor,
    ) -> Tensor:
        wqkv, bqkv, wo, bo, w1, b1, w2, b2 = weights.copies
        g1, n1, g2, n2 = parameters[12:]
        size = (x.shape[1],)
        scale = 1 / math.sqrt(layout.head_size)

        new = partial(arena.take if arena else torch.empty, dtype=x.dtype)

        def linear(values: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
            out = new((len(values), len(weight)))
            return torch.addmm(shift, values, weight.t(), out=out)

        def dropped(values: Tensor, rate: float, out: Tensor) -> tuple[Tensor, Tensor | None]:
            if masks is None or rate == 0:
                return values, None
            mask = masks.draw(new(tuple(values.shape)), rate)
            return torch.mul(values, mask, out=out), mask

        q, k, v = layout.spread(linear(x, wqkv, bqkv), 3, new)
        square = (*q.shape[:2], q.shape[1])
        scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=scale, out=new(square))
        chances = aten._softmax.out(scores, -1, False, out=scores)
        kept, mask0 = dropped(chances, weights.attention_rate, new(square))
        mixed = layout.gather(torch.bmm(kept, v)[None], new)
        attended = linear(mixed, wo, bo)
        attended, mask1 = dropped(attended, weights.hidden_rate, attended)
        sum1 = attended.add_(x)
        y, mean1, scale1 = torch.native_layer_norm(sum1, size, g1, n1, weights.epsilon)
        inner = linear(y, w1, b1)
        active = aten.gelu.out(inner, out=new(tuple(inner.shape)))
        outer = linear(active, w2, b2)
        outer, mask2 = dropped(outer, weights.hidden_rate, outer)
        sum2 = outer.add_(y)
        z, mean2, scale2 = torch.native_layer_norm(sum2, size, g2, n2, weights.epsilon)
        ctx.arena, ctx.filled = arena, arena.passes if arena else None
        ctx.scratch = scratch
        ctx.weights, ctx.layout, ctx.size, ctx.scale = weights, layout, size, scale
        ctx.save_for_backward(
            x, q, k, v, chances, kept, mask0, mixed, mask1, sum1, mean1, scale1, y, inner,
            active, mask2, sum2, mean2, scale2, g1, n1, g2, n2,
        )  # fmt: skip
        return z

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (
            x, q, k, v, chances, kept, mask0, mixed, mask1, sum1, mean1, scale1, y, inner,
            active, mask2, sum2, mean2, scale2, *norms,
        ) = ctx.saved_tensors  # fmt: skip
        if ctx.arena is not None and ctx.arena.passes != ctx.filled:
            raise RuntimeError("another forward pass came between this one and its backward pass")
        ctx.scratch.start()  # the layer above has used what it had there
        new = partial(ctx.scratch.take, dtype=grad.dtype)
        weights, (wqkv, _, wo, _, w1, _, w2, _) = ctx.weights, ctx.weights.copies
        layout, size, scale = ctx.layout, ctx.size, ctx.scale
        all_three = [True, True, True]

        def through(values: Tensor, weight: Tensor) -> Tensor:
            return torch.mm(values, weight, out=new((len(values), weight.shape[1])))

        def kept_alone(values: Tensor, mask: Tensor | None) -> Tensor:
            return values if mask is None else torch.mul(values, mask, out=new(tuple(mask.shape)))

        dsum2, dg2, db2 = aten.native_layer_norm_backward(
            grad, sum2, size, mean2, scale2, *norms[2:], all_three
        )
        douter = kept_alone(dsum2, mask2)
        dw2, dbias2 = weights.gradient(3, douter, active), douter.sum(0)
        dinner = through(douter, w2)
        aten.gelu_backward.grad_input(dinner, inner, grad_input=dinner)
        dw1, dbias1 = weights.gradient(2, dinner, y), dinner.sum(0)
        dy = torch.addmm(dsum2, dinner, w1, out=new(tuple(y.shape)))

        dsum1, dg1, db1 = aten.native_layer_norm_backward(
            dy, sum1, size, mean1, scale1, *norms[:2], all_three
        )
        dattended = kept_alone(dsum1, mask1)
        dwo, dbo = weights.gradient(1, dattended, mixed), dattended.sum(0)
        (dmixed,) = layout.spread(through(dattended, wo), 1, new)
        dspread = new((3, *q.shape))
        dq, dk, dv = dspread
        torch.bmm(kept.transpose(1, 2), dmixed, out=dv)
        dchances = torch.bmm(dmixed, v.transpose(1, 2), out=new(tuple(chances.shape)))
        if mask0 is not None:
            dchances.mul_(mask0)
        dscores = torch._softmax_backward_data(dchances, chances, -1, chances.dtype)
        empty = dscores.new_empty(1, 1, 1)
        torch.baddbmm(empty, dscores, k, beta=0, alpha=scale, out=dq)
        torch.baddbmm(empty, dscores.transpose(1, 2), q, beta=0, alpha=scale, out=dk)
        dqkv = layout.gather(dspread, new)
        dwqkv, dbqkv = weights.gradient(0, dqkv, x), dqkv.sum(0)
        dx = torch.addmm(dsum1, dqkv, wqkv)
        dbias = dscores if ctx.needs_input_grad[1] else None
        return (
            dx, dbias, None, None, None, None, None, *dwqkv.chunk(3), dwo, dw1, dw2,
            *dbqkv.chunk(3), dbo, dbias1, dbias2, dg1, db1, dg2, db2,
        )  # fmt: skip


class _PackedEncoder:
    """Stands in for the encoder's ``forward``."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self._base, self._dtype = model.base_model, dtype
        self._encoder = self._base.encoder
        self._layers = [_Weights(layer, dtype) for layer in self._encoder.layer]
        self._mask: Tensor | None = None
        self._arena, self._scratch = Arena(), Arena()
        # Blocks outside of the arenas are smaller, but many. glibc keeps freed blocks for reuse up
        # to the size of the largest one that was ever freed (32 MiB at most), so free a large one.
        torch.UntypedStorage(31 << 20)
        self._hook = self._base.register_forward_pre_hook(self._keep_mask, with_kwargs=True)
        self._encoder.forward = self

    def remove(self) -> None:
        """Give the encoder its own ``forward`` back."""
        self._hook.remove()
        del self._encoder.forward

    def _keep_mask(self, module: Any, args: Any, named: dict[str, Any]) -> None:
        # By the time the encoder is called, the mask of tokens has become one of queries and keys.
        self._mask = named["attention_mask"]

    def __call__(self, hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        assert self._mask is not None
        rows, longest, width = hidden_states.shape
        first = self._layers[0]
        lengths = self._mask.sum(1).tolist()
        places = max(lengths)
        if self._dtype == torch.bfloat16 and places % _ROW > _REST:
            places = round_up(places, _ROW)
        size = round_up(sum(lengths), _TOKENS)
        layout = Layout(lengths, size, places, first.heads, first.head_size)
        real = torch.arange(places) < torch.tensor(lengths)[:, None]
        bias = torch.zeros(real.shape, dtype=self._dtype)
        bias.masked_fill_(~real, torch.finfo(self._dtype).min / 2)
        bias = bias[:, None, None, :].expand(-1, layout.heads, -1, -1)
        if hasattr(self._encoder, "compute_position_bias"):
            relative = self._encoder.compute_position_bias(hidden_states.new_empty(1, places, 0))
            bias = bias + relative.to(self._dtype)
        bias = bias.flatten(0, 1)
        tokens = self._mask.flatten().nonzero()[:, 0]
        x = hidden_states.flatten(0, 1).index_select(0, tokens).to(self._dtype)
        x = pad(x, (0, 0, 0, size - len(x)))
        masks = DropoutMasks() if self._encoder.training else None
        arena = self._arena if torch.is_grad_enabled() else None
        if arena:
            arena.start()
        for layer in self._layers:
            layer.renew()
            x = _Layer.apply(x, bias, layer, layout, arena, self._scratch, masks, *layer.parameters)
        padded = x.new_zeros((rows * longest, width), dtype=hidden_states.dtype)
        padded = padded.index_copy(0, tokens, x[: len(tokens)].to(hidden_states.dtype))
        last = padded.view(rows, longest, width)
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=last)


def pack(model: Any, dtype: torch.dtype) -> bool:
    """Let the model's encoder run as packed layers with products of ``dtype``.

    Batches must be padded at the end of rows.

    Returns:
        False, with nothing changed, if the model has other layers.
    """
    config = model.config
    if config.model_type not in PACKABLE or config.hidden_act != "gelu":
        return False
    if getattr(config, "is_decoder", False):
        return False
    _PackedEncoder(model, dtype)
    return True


def unpack(model: Any) -> None:
    """Undo :func:`pack`."""
    current = getattr(model.base_model, "encoder", None)
    if current is not None and isinstance(vars(current).get("forward"), _PackedEncoder):
        current.forward.remove()
