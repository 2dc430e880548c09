"""What `bench train <command>` showed on digits, 24,000 images: healthy runs, then broken ones.

Measured with the code of commit 4216366 on one thread, the modes and layer norm later. Columns: how it ended; the discriminator's accuracy and the
share of clipped weights in the last quarter of training; the smallest gradient norm among the
phases of what makes samples, last quarter; the largest gradient norm of a log over the median of
all; a loss with its mean in the last quarter and its standard deviation in the second and in the
last; the distances to real images in training and in evaluation mode; distances at
the last three validations; active units. Behind it the warnings that such a run must have.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE = """
command                           | status    | accuracy | clipped | gradient | peak     | loss               | mean      | sd before | sd       | modes   | curve                      | active | warnings
gan                               | ok        | 0.747    | -       | 2.29     | 2.92     | discriminator_loss | 0.175     | 0.0298    | 0.0228   | -       | 186 98.6 106               | -      | -
gan seed=1                        | ok        | 0.741    | -       | 2.41     | 2.76     | discriminator_loss | 0.178     | 0.027     | 0.0285   | -       | 214 129 133                | -      | -
gan seed=2                        | ok        | 0.732    | -       | 2.15     | 3.39     | discriminator_loss | 0.184     | 0.0317    | 0.0188   | -       | 180 133 131                | -      | -
gan depth=5                       | ok        | 0.783    | -       | 3.12     | 2.92     | discriminator_loss | 0.156     | 0.043     | 0.0267   | -       | 253 293 117                | -      | -
gan loss=non_saturating           | ok        | 0.7      | -       | 5.04     | 4.5      | discriminator_loss | 1.15      | 0.128     | 0.106    | -       | 162 150 118                | -      | -
gan loss=hinge                    | ok        | 0.698    | -       | 6.34     | 3.5      | discriminator_loss | 1.38      | 0.209     | 0.163    | -       | 251 135 117                | -      | -
gan r1_weight=1                   | ok        | 0.544    | -       | 0.178    | 14.1     | discriminator_loss | 0.249     | 0.0129    | 0.0075   | -       | 200 269 134                | -      | -
gan batch_size=4                  | ok        | 0.775    | -       | 4.84     | 2.4      | discriminator_loss | 0.163     | 0.0668    | 0.0745   | -       | 147 148 96                 | -      | -
gan average=0.999                 | ok        | 0.747    | -       | 2.29     | 2.92     | discriminator_loss | 0.175     | 0.0298    | 0.0228   | -       | 123 96.8 79.3              | -      | -
wgan                              | ok        | -        | 0.656   | 23.3     | 1.34     | critic_loss        | -4.85     | 1.42      | 1.13     | -       | 219 128 137                | -      | -
wgan seed=1                       | ok        | -        | 0.679   | 23.9     | 1.54     | critic_loss        | -5.55     | 1.78      | 1.33     | -       | 241 168 132                | -      | -
wgan seed=2                       | ok        | -        | 0.667   | 26.4     | 1.41     | critic_loss        | -5.55     | 1.73      | 1.41     | -       | 228 184 137                | -      | -
wgan optimizer=adam beta1=0       | ok        | -        | 0.61    | 32.5     | 1.6      | critic_loss        | -4.49     | 2.08      | 1.43     | -       | 233 173 194                | -      | -
wgan n_critic=1                   | ok        | -        | 0.425   | 16.1     | 2.02     | critic_loss        | -1.72     | 0.383     | 0.64     | -       | 214 108 125                | -      | -
wgan:gradient_penalty             | ok        | -        | -       | 1.24     | 4.3      | critic_loss        | 0.217     | 0.382     | 0.179    | -       | 319 215 232                | -      | -
wgan:spectral_norm                | ok        | -        | -       | 4.15     | 2.25     | critic_loss        | -0.0907   | 0.214     | 0.13     | -       | 437 364 291                | -      | -
gan:spectral_norm                 | ok        | 0.503    | -       | 0.559    | 6.94     | discriminator_loss | 1.99      | 0.0378    | 0.018    | -       | 317 188 176                | -      | -
vae stack_norm=batch              | ok        | -        | -       | 12.9     | 1.45     | loss               | 23.9      | 0.776     | 0.704    | -       | 246 197 199                | 16     | -
vae stack_norm=batch seed=1       | ok        | -        | -       | 12.8     | 1.37     | loss               | 24.1      | 0.757     | 0.774    | -       | 302 250 232                | 16     | -
vae stack_norm=batch seed=2       | ok        | -        | -       | 13       | 1.42     | loss               | 24        | 0.742     | 0.716    | -       | 299 261 258                | 16     | -
vae stack_norm=batch depth=5      | ok        | -        | -       | 12.3     | 1.37     | loss               | 24.1      | 0.739     | 0.719    | -       | 356 293 310                | 13     | -
vae stack_norm=batch kl_weight=2  | ok        | -        | -       | 9.82     | 1.99     | loss               | 26.4      | 0.787     | 0.693    | -       | 618 563 562                | 8      | -
vae_gan                           | ok        | 0.611    | -       | 1.9      | 7.37     | encoder_loss       | 83.4      | 4.93      | 3.61     | -       | 264 206 138                | 16     | -
vae_gan seed=1                    | ok        | 0.621    | -       | 2.11     | 6.16     | encoder_loss       | 87.9      | 5.79      | 4.44     | -       | 217 257 179                | 16     | -
vae_gan seed=2                    | ok        | 0.592    | -       | 1.58     | 7.88     | encoder_loss       | 78.1      | 4.88      | 3.49     | -       | 231 211 181                | 16     | -
cgan                              | ok        | 0.764    | -       | 10       | 2.34     | discriminator_loss | 0.972     | 0.151     | 0.153    | -       | 90.6 83.9 54               | -      | -
cgan seed=1                       | ok        | 0.77     | -       | 9.87     | 2.4      | discriminator_loss | 0.955     | 0.135     | 0.155    | -       | 47.1 75.2 70.3             | -      | -
gan_mlp                           | ok        | 0.719    | -       | 2.82     | 3.27     | discriminator_loss | 1.11      | 0.195     | 0.154    | -       | 410 533 307                | -      | -
gan_mlp seed=1                    | ok        | 0.669    | -       | 2.16     | 2.35     | discriminator_loss | 1.22      | 0.227     | 0.122    | -       | 723 577 400                | -      | -
gan lr=0.05                       | collapsed | 0.826    | -       | 1.16     | 1.79e+03 | discriminator_loss | 0.15      | 0.018     | 0.0441   | -       | 1.73e+03 2.5e+03 4.09e+03  | -      | collapsed gradient_exploding loss_unsteady
gan lr=0.01                       | ok        | 0.674    | -       | 1.25     | 69       | discriminator_loss | 0.215     | 0.0881    | 0.035    | -       | 633 329 224                | -      | gradient_exploding still_improving
gan lr=0.00001                    | collapsed | 1        | -       | 7.74     | 10.2     | discriminator_loss | 0.0165    | 0.00339   | 0.0019   | -       | 3.24e+03 3.18e+03 2.96e+03 | -      | collapsed discriminator_strong
gan n_critic=20                   | collapsed | 0.996    | -       | 3.38     | 9.2      | discriminator_loss | 0.00907   | 0.0104    | 0.00855  | -       | 1.75e+03 1.34e+03 992      | -      | collapsed discriminator_strong
gan loss=minimax n_critic=20      | collapsed | 1        | -       | 0.000789 | 0        | discriminator_loss | 3.49e-05  | 0.000158  | 2.31e-05 | -       | 3.02e+03 2.97e+03 2.9e+03  | -      | collapsed discriminator_strong gradient_vanishing
gan r1_weight=1000                | collapsed | 0.51     | -       | 0.00753  | 25.2     | discriminator_loss | 0.25      | 0.000168  | 9.08e-05 | -       | 2.78e+03 2.67e+03 1.57e+03 | -      | collapsed discriminator_weak gradient_vanishing gradient_exploding
gan num_images=6000               | ok        | 0.731    | -       | 2.56     | 5.35     | discriminator_loss | 0.193     | 0.0601    | 0.0244   | -       | 980 639 478                | -      | still_improving
gan n_critic=10                   | ok        | 0.948    | -       | 3.96     | 3.37     | discriminator_loss | 0.0633    | 0.0144    | 0.053    | -       | 1.06e+03 654 420           | -      | discriminator_strong loss_unsteady still_improving
wgan lr=0.05                      | collapsed | -        | 0.372   | 0.177    | 13.1     | critic_loss        | -0.425    | 0.489     | 1.29     | -       | 2.73e+03 2.5e+03 2.05e+03  | -      | collapsed loss_unsteady
wgan clip_value=0.001             | collapsed | -        | 0.968   | 1.68e-13 | 0        | critic_loss        | 0         | 0         | 0        | -       | 3.33e+03 3.33e+03 3.33e+03 | -      | collapsed gradient_vanishing clip_saturated
wgan clip_value=0.01              | ok        | -        | 0.0623  | 2.16e-05 | 0        | critic_loss        | -8.99e-07 | 1.8e-06   | 6.51e-07 | -       | 1.08e+03 801 632           | -      | gradient_vanishing
wgan clip_value=0.5               | ok        | -        | 0.00444 | 1.34e+04 | 5.13     | critic_loss        | -2.35e+03 | 187       | 855      | -       | 281 229 260                | -      | loss_unsteady
wgan lipschitz=none               | ok        | -        | -       | 3.54e+04 | 5.66     | critic_loss        | -6.5e+03  | 526       | 2.04e+03 | -       | 207 194 176                | -      | loss_unsteady
wgan optimizer=adam beta1=0.9     | collapsed | -        | 0.847   | 20.1     | 4.42     | critic_loss        | -15.6     | 1         | 0.619    | -       | 914 826 871                | -      | collapsed clip_saturated clipped_under_momentum
vae stack_norm=batch lr=0.05      | collapsed | -        | -       | 1.49e+03 | 833      | loss               | 185       | 2.9e+05   | 2.49     | 930 941 | 2.57e+03 1.24e+03 910      | 16     | collapsed gradient_exploding still_improving
vae stack_norm=batch kl_weight=50 | collapsed | -        | -       | 6.45     | 2.79     | loss               | 27.1      | 0.64      | 0.581    | -       | 2.08e+03 2.03e+03 2.1e+03  | 0      | collapsed
vae stack_norm=batch kl_weight=3  | collapsed | -        | -       | 7.18     | 2.51     | loss               | 27.1      | 0.75      | 0.637    | -       | 1.21e+03 1.47e+03 1.56e+03 | 3      | collapsed few_active_units
vae_gan lr=0.05                   | collapsed | 0.682    | -       | 0.884    | 8.08e+04 | encoder_loss       | 1.47e+07  | 444       | 3.95e+07 | -       | 2.87e+03 2.51e+03 2.97e+03 | 16     | collapsed gradient_exploding loss_unsteady
cgan lr=0.05                      | ok        | 0.614    | -       | 0.723    | 35.4     | discriminator_loss | 1.34      | 0.216     | 0.167    | -       | 175 186 266                | -      | gradient_exploding
vae                               | ok        | -        | -       | 13.4     | 1.5      | loss               | 24        | 0.764     | 0.699    | -       | 337 303 231                | 16     | -
vae seed=1                        | ok        | -        | -       | 14.5     | 1.73     | loss               | 24.2      | 0.808     | 0.785    | -       | 311 244 267                | 15     | -
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One line of the table."""

    status: str
    accuracy: float | None
    clipped: float | None
    gradient: float
    peak: float
    loss: tuple[str, float, float, float]
    modes: tuple[float, float] | None
    curve: tuple[float, ...]
    active: float | None
    warnings: tuple[str, ...]


def read(table: str) -> dict[str, Measured]:
    """Command to its line."""
    lines = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return {command: _measured(*cells) for command, *cells in lines[1:]}


def _measured(status, accuracy, clipped, gradient, peak, name, mean, before, after, *rest):
    modes, curve, active, warnings = rest
    return Measured(
        status=status,
        accuracy=_number(accuracy),
        clipped=_number(clipped),
        gradient=float(gradient),
        peak=float(peak),
        loss=(name, float(mean), float(before), float(after)),
        modes=None if modes == "-" else tuple(map(float, modes.split())),
        curve=tuple(map(float, curve.split())),
        active=_number(active),
        warnings=() if warnings == "-" else tuple(warnings.split()),
    )


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)


MEASURED = read(TABLE)
