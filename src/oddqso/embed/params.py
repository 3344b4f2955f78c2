"""Settings of the model, of its training and of its use; light, for the command line imports it."""

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from oddqso.params import Params

TRAIN_VERSION: Final = 2
"""Version of the training: raised when the same spectra and settings give another model."""


class EmbedParams(Params):
    """The architecture of the model.

    Examples
    --------
    >>> EmbedParams().n_latent
    128
    >>> EmbedParams(n_latent=16).n_nonlinear
    3
    """

    n_latent: int = Field(128, ge=4, le=1024)
    """Length of the latent vector: one amplitude, the linear components, and the rest for the nonlinear part."""
    n_linear: int = Field(31, ge=1, le=127)
    """Most linear rest-frame components, at most three quarters of the latents; held-out data choose how many are used.
    With the mean they are best a multiple of 16."""
    n_channel: int = Field(32, ge=4, le=256)
    """Channels of the convolutions at their coarsest; cost grows with the square."""
    n_hidden: int = Field(128, ge=8, le=2048)
    """Width of the dense layers."""
    z_min: float = Field(0.02, ge=0.0)
    """Lowest redshift that the rest-frame grid covers."""
    z_max: float = Field(6.5, le=10.0)
    """Highest redshift that the rest-frame grid covers."""
    student_dof: float = Field(5.0, gt=2.0)
    """Degrees of freedom of the Student weights that keep outlying pixels from pulling the fit."""
    n_robust: int = Field(2, ge=0, le=10)
    """How often the encoder weights the pixels anew."""

    @model_validator(mode="after")
    def _ordered(self) -> "EmbedParams":
        if not self.z_min < self.z_max:
            raise ValueError(f"z_min {self.z_min} is not below z_max {self.z_max}")
        return self

    @property
    def n_component(self) -> int:
        """Linear components, the amplitude not counted."""
        return min(self.n_linear, 3 * self.n_latent // 4)

    @property
    def n_nonlinear(self) -> int:
        """Latents that only the convolutions use."""
        return self.n_latent - 1 - self.n_component


class TrainParams(Params):
    """How the model is trained.

    Examples
    --------
    >>> TrainParams().network.n_latent
    128
    """

    network: EmbedParams = EmbedParams()
    """The architecture; that of the weights if training starts from weights."""
    start: Literal["scratch", "pretrained", "finetune"] = "scratch"
    """From nothing; with trained weights as they are; or with trained weights that learn from this run's spectra."""
    weights: str | None = None
    """Folder of a trained model to start from; without it the one that is shipped."""
    finetune_em: int = Field(4, ge=1)
    """Iterations of the linear components when they start from weights."""
    finetune_epochs: int = Field(8, ge=1)
    """Most epochs of the network when it starts from weights."""
    finetune_rate: float = Field(5e-4, gt=0)
    """Peak of the learning rate when the network starts from weights."""
    finetune_width: float = Field(0.05, gt=0)
    """How far mean and components may leave those of the weights before spectra must say so, relative to the mean."""
    max_spectra: int = Field(30_000, ge=8)
    """Most spectra used; the lowest hashes of TARGETID are kept. Each takes 32 kB of scratch space."""
    min_snr: float = 0.3
    """Least median signal-to-noise ratio per native pixel."""
    min_good_pixels: int = Field(400, ge=1)
    """Least number of pixels with known ivar."""
    validation_share: float = Field(0.15, gt=0.0, lt=0.9)
    """Share held out, by a hash of TARGETID, to choose the components, to stop early and to measure."""
    n_em: int = Field(20, ge=1)
    """Iterations that fit the linear components (expectation-maximization)."""
    max_em_spectra: int = Field(8_000, ge=8)
    """Most spectra that the linear components are fitted to."""
    smooth_scale: float = Field(0.01, gt=0)
    """How far a component may leave its own smoothed version between neighboring pixels, relative to the continuum."""
    max_epochs: int = Field(24, ge=1)
    """Most epochs of the network."""
    epoch_spectra: int = Field(8_192, ge=1)
    """Most spectra an epoch; a large sample is walked through in several epochs."""
    batch_size: int = Field(32, ge=1)
    """Spectra a gradient step."""
    learning_rate: float = Field(3e-3, gt=0)
    """Peak of the learning rate, reached after a tenth of the training."""
    weight_decay: float = Field(0.01, ge=0)
    """Decay of the network's weights, decoupled."""
    gradient_clip: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""
    free_bits: float = Field(0.02, ge=0)
    """KL that each nonlinear latent may have for nothing [nat]."""
    line_weight: float = Field(1.5, ge=1)
    """Weight of pixels within strong emission lines, relative to others."""
    mask_share: float = Field(0.3, ge=0, le=1)
    """Share of training spectra of which the encoder is shown only a part."""
    patience: int = Field(8, ge=1)
    """Epochs without a better held-out loss before training stops; counted in the last third only."""
    n_thread: int = Field(1, ge=1)
    """Threads of the training; more than one wait for each other for longer than they gain where a core is shared."""
    accelerator: Literal["auto", "cpu", "gpu"] = "cpu"
    """Where the network is trained; "auto" takes a GPU (CUDA) if there is one. The linear part is fit on the cores."""
    devices: int = Field(1, ge=1)
    """How many of them share each batch."""
    precision: Literal["fp32", "bf16-mixed"] = "fp32"
    """Of the convolutions in training; the linear part, the calibration and the encoding are always fp32."""

    def identity(self) -> dict[str, Any]:
        """All settings but where it is computed, and but those of starting from weights where it starts from nothing.

        Examples
        --------
        >>> "weights" in TrainParams().identity(), "weights" in TrainParams(start="finetune").identity()
        (False, True)
        """
        content = super().identity()
        del content["accelerator"], content["devices"]
        if self.precision == "fp32":
            del content["precision"]
        if self.start == "scratch":
            for name in _OF_WEIGHTS:
                del content[name]
        return content

    def finetuned(self) -> "TrainParams":
        """The same with the schedule of finetuning as that of the training.

        Examples
        --------
        >>> TrainParams(finetune_epochs=3).finetuned().max_epochs
        3
        """
        changes = {
            "n_em": self.finetune_em, "max_epochs": self.finetune_epochs, "learning_rate": self.finetune_rate,
        }  # fmt: skip
        return self.model_copy(update=changes)


_OF_WEIGHTS = ("start", "weights", "finetune_em", "finetune_epochs", "finetune_rate", "finetune_width")


class EncodeParams(Params):
    """How spectra are encoded.

    Examples
    --------
    >>> EncodeParams().batch_size
    64
    """

    batch_size: int = Field(64, ge=1)
    """Rows a batch; the last one is padded."""
    n_thread: int = Field(1, ge=1)
    """Threads a process; processes share the work better than threads do."""
    device: Literal["auto", "cpu", "gpu"] = "cpu"
    """Where; "auto" takes a GPU (CUDA) if there is one. Processes share it."""

    def identity(self) -> dict[str, Any]:
        """All settings but where it is computed."""
        content = super().identity()
        del content["device"]
        return content
