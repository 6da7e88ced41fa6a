"""The Hugging Face Trainer, told how this package makes batches, losses and updates.

The only module that knows the Trainer's own option names; everything else speaks of
`ie_model.config.schema.TrainingConfig`.
"""

from __future__ import annotations

import math
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import get_total_norm
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from ie_model.config.schema import TrainingConfig
from ie_model.errors import InputError, RunError
from ie_model.labels import LabelSet
from ie_model.models.devices import attention_of_any_shape, native_precision
from ie_model.training.batches import LengthGroupedBatches, collate
from ie_model.training.encoded import TrainingWindows
from ie_model.training.loss import SpanLoss
from ie_model.training.processes import cpu_threads, world_size


def resolve_precision(config: TrainingConfig, device: torch.device) -> str:
    """``fp32``, ``bf16`` or ``fp16``: what the configured precision means on a device.

    Raises:
        InputError: fp16 without a GPU.
    """
    if config.precision == "fp16" and device.type != "cuda":
        raise InputError("training.precision: fp16 needs a CUDA GPU; use bf16 or fp32")
    return native_precision(device) if config.precision == "auto" else config.precision


def training_arguments(
    config: TrainingConfig, work_dir: Path, device: str, precision: str, steps: int
) -> TrainingArguments:
    """Our names translated into the Trainer's."""
    if device == "cpu":
        torch.set_num_threads(config.threads or cpu_threads())
    return TrainingArguments(
        output_dir=str(work_dir),
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        gradient_accumulation_steps=config.gradient_accumulation,
        max_grad_norm=config.max_grad_norm,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device == "cpu",
        ddp_backend="gloo" if device == "cpu" and world_size() > 1 else None,
        ddp_find_unused_parameters=False,
        seed=config.seed,
        data_seed=config.seed,
        logging_strategy="steps",
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,
        save_strategy="steps" if config.checkpoint_every else "no",
        save_steps=config.checkpoint_every or 500,
        save_total_limit=2,
        # TensorBoard is told by our own callback: the Trainer's writes into the work folder.
        report_to=[name for name in config.loggers if name != "tensorboard"] or "none",
        disable_tqdm=True,
        log_level="error",
        average_tokens_across_devices=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        # Batches differ in size, so they cannot be evened out among processes;
        # LengthGroupedBatches gives every process the same number of them instead.
        # A GPU is not waited for at each copy: the next update is queued behind this one.
        accelerator_config={"even_batches": False, "non_blocking": device == "cuda"},
        eval_strategy="no",
    )


class SpanTrainer(Trainer):
    """A Trainer with length-grouped batches and a learning rate per layer."""

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        *,
        config: TrainingConfig,
        labels: LabelSet,
        windows: TrainingWindows,
        batches: LengthGroupedBatches,
        pad_id: int,
        temperature: float,
        callbacks: list[TrainerCallback],
    ) -> None:
        self._config, self._windows, self._batches, self._pad_id = config, windows, batches, pad_id
        self._began = time.monotonic()
        self.tokens_seen = torch.zeros((), dtype=torch.long, device=args.device)
        self._loss = SpanLoss(config, labels, args.device, temperature)
        self._adamw: Any = None
        super().__init__(
            model=model,
            args=args,
            train_dataset=windows.table,  # type: ignore[arg-type]
            callbacks=[_SetEpoch(batches), *callbacks],
            compute_loss_func=self._loss,
        )
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader:
        """Batches of the epoch, sharded among processes."""
        loader = DataLoader(
            self._windows.table,  # type: ignore[arg-type]
            batch_sampler=self._batches,  # type: ignore[arg-type]
            collate_fn=partial(collate, pad_id=self._pad_id, tags=self._loss.tags),
            pin_memory=self.args.dataloader_pin_memory,
        )
        return self.accelerator.prepare(loader)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's loop, with denormal numbers flushed to zero on CPUs.

        The moments of an embedding row that no recent batch used decay to denormals, on
        which a CPU computes ten times slower than on ordinary numbers.
        """
        torch.set_flush_denormal(True)
        self._began = time.monotonic()
        try:
            with attention_of_any_shape(self.args.device):
                return super().train(*args, **kwargs)
        finally:
            torch.set_flush_denormal(False)

    def tokens_per_second(self) -> float:
        """Tokens, padding apart, that all processes together have trained on in a second."""
        tokens = int(self.tokens_seen) * self.args.world_size
        return tokens / max(time.monotonic() - self._began, 1e-9)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """The Trainer's, with the speed beside the loss."""
        if "loss" in logs:
            logs = {**logs, "tokens_per_second": round(self.tokens_per_second(), 1)}
        super().log(logs, *args, **kwargs)

    def log_beside(self, logs: dict[str, float]) -> None:
        """Log in the middle of a step: the loss that is due at its end still comes."""
        due = self.control.should_log
        self.log(logs)
        self.control.should_log = due

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """The Trainer's, unless a resumed run has no update left: it would make one more."""
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
        if not self.control.should_training_stop:
            super()._run_epoch(*args, **kwargs)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over :func:`parameter_groups`."""
        if self.optimizer is None:
            groups = parameter_groups(model or self.model, self._config)
            fused = self.args.device.type in ("cpu", "cuda")
            self.optimizer = self._adamw = torch.optim.AdamW(groups, fused=fused)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Linear warm-up, then the configured course down to zero (or none)."""
        if self.lr_scheduler is None:
            factor = partial(schedule, config=self._config, steps=num_training_steps)
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.create_optimizer(), factor
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: it walks through all parameters at every update."""
        return 0

    def _clip_grad_norm(self, model: Any) -> torch.Tensor:
        """The norm of all gradients; on a CPU they are scaled by the optimiser as it reads them."""
        if self.args.device.type != "cpu":
            return super()._clip_grad_norm(model)
        norm = get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        longest = self.args.max_grad_norm
        self._adamw.grad_scale = norm / longest if norm > longest else None
        return norm

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The Trainer's, after taking what teachers said from what the model is given."""
        self._loss.soft = inputs.pop("soft", None)
        self._loss.share = inputs.pop("share", None)
        return super().compute_loss(model, inputs, *args, **kwargs)

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any) -> torch.Tensor:
        """One forward and backward pass; refuses to go on with a loss that is no number."""
        self.tokens_seen += inputs["attention_mask"].sum().to(self.tokens_seen.device)
        loss = super().training_step(model, inputs, *args)
        # On a GPU the check would wait for the device at every step; there the logged
        # loss is checked instead (see Progress.on_log).
        if loss.device.type == "cpu" and not math.isfinite(loss.item()):
            raise not_finite(loss.item(), self.state.global_step + 1)
        return loss


def not_finite(loss: float, step: int) -> RunError:
    """The error of a run whose loss is no number any more."""
    return RunError(
        f"the loss became {loss} at step {step}; lower training.learning_rate, or train with "
        "training.precision=fp32. No model was written"
    )


def schedule(step: int, config: TrainingConfig, steps: int) -> float:
    """Learning-rate factor in [0, 1] of an update."""
    warmup = config.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = max(0.0, (steps - step) / max(1.0, steps - warmup))
    if config.schedule == "cosine":
        return 0.5 * (1 - math.cos(math.pi * left))
    return left if config.schedule == "linear" else 1.0


_LAYER = re.compile(r"\.layers?\.(\d+)\.")


def parameter_groups(model: Any, config: TrainingConfig) -> list[dict[str, Any]]:
    """Optimiser groups by depth: ``layer_decay`` per layer from the top one down.

    The embeddings count as one layer below the first; the head has its own rate. Biases
    and normalisation weights are not decayed.
    """
    base = model.base_model_prefix
    depth = int(model.config.num_hidden_layers)
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        found = _LAYER.search(name)
        if not name.startswith(f"{base}."):
            rate = config.head_learning_rate or config.learning_rate
        elif found:
            rate = config.learning_rate * config.layer_decay ** (depth - 1 - int(found.group(1)))
        elif "embeddings" in name:
            rate = config.learning_rate * config.layer_decay**depth
        else:  # what stands above all layers, such as a final normalisation
            rate = config.learning_rate
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


class _SetEpoch(TrainerCallback):
    """Tells the batch sampler which epoch starts, also after resuming in the middle of one."""

    def __init__(self, batches: LengthGroupedBatches) -> None:
        self._batches = batches

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._batches.set_epoch(int((state.epoch or 0) + 1e-6))
