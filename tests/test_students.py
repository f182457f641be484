"""The two Wav2Small networks: published counts, layer identities, receptive field, durations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge_ser.errors import InputError
from edge_ser.students.catalogue import build_student
from edge_ser.students.cost import multiply_accumulates, parameter_count
from edge_ser.students.student import PooledHead
from edge_ser.students.wav2small import (
    BANDS_AFTER_POOL,
    CHANNELS,
    RECEPTIVE_RADIUS,
    TIME_STRIDE,
    ConvBlock,
    FrameProjections,
    MaxPool,
    Wav2Small,
)

FIVE_SECONDS = 80_000


@pytest.fixture(params=["wav2small", "wav2small-17k"])
def student(request: pytest.FixtureRequest) -> Wav2Small:
    """Each student, untrained but with batch-norm statistics that are not the identity."""
    torch.manual_seed(0)
    network = build_student(request.param)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features) * 0.1
            module.running_var = torch.rand(module.num_features) + 0.5
    assert isinstance(network, Wav2Small)
    return network.eval()


def test_wav2small_has_the_papers_parameters() -> None:
    student = build_student("wav2small")
    assert isinstance(student, Wav2Small)
    frontend = parameter_count(student.frontend)
    convolutions = parameter_count(student.backbone.trunk)
    projections = parameter_count(student.backbone.projections)
    out = parameter_count(student.head)
    assert (frontend, convolutions, projections, out) == (5_082, 9_425, 57_460, 510)
    assert parameter_count(student) == 72_477


def test_wav2small_17k_has_its_own_count() -> None:
    student = build_student("wav2small-17k")
    assert parameter_count(student.head) == 338 * 3 + 3
    assert parameter_count(student) == 15_888


def test_multiply_accumulates_of_five_seconds() -> None:
    assert multiply_accumulates(build_student("wav2small"), FIVE_SECONDS) == 388_308_007
    assert multiply_accumulates(build_student("wav2small-17k"), FIVE_SECONDS) == 322_398_514


def test_counting_multiply_accumulates_leaves_the_model_as_it_was() -> None:
    student = build_student("wav2small").train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    multiply_accumulates(student, 16_000)
    assert student.training
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    assert not any(module._forward_hooks for module in student.modules())


@pytest.mark.parametrize("samples", [8_000, 8_001, 12_345, 80_000, 960_000])
def test_any_duration_from_half_a_second_to_a_minute(student: Wav2Small, samples: int) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        output = student(torch.randn(1, samples) * 0.1)
    assert output.shape == (1, 3)
    assert torch.isfinite(output).all()


def test_backbone_shapes(student: Wav2Small) -> None:
    with torch.no_grad():
        log_mel = student.frontend(torch.zeros(2, FIVE_SECONDS))
        values, scores = student.backbone(log_mel)
    assert log_mel.shape == (2, 1, 2_500, 26)
    assert values.shape == scores.shape
    assert values.shape[0] == 2
    assert values.shape[2] == 2_500 // TIME_STRIDE
    assert values.shape[1] * values.shape[3] == CHANNELS * BANDS_AFTER_POOL == 169


def test_a_batch_is_its_clips_one_by_one(student: Wav2Small) -> None:
    torch.manual_seed(2)
    clips = torch.randn(3, 16_000) * torch.tensor([[0.01], [0.1], [1.0]])
    with torch.no_grad():
        together = student(clips)
        alone = torch.cat([student(clip[None]) for clip in clips])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_level_does_not_matter(student: Wav2Small) -> None:
    torch.manual_seed(3)
    clip = torch.randn(1, 16_000) * 0.1
    with torch.no_grad():
        torch.testing.assert_close(student(clip), student(clip * 0.25), atol=1e-3, rtol=0)


def test_silence_gives_finite_values(student: Wav2Small) -> None:
    with torch.no_grad():
        assert torch.isfinite(student(torch.zeros(1, 16_000))).all()


@pytest.mark.parametrize("frames", [1, 2, 3, 250, 251])
def test_pooling_is_the_padded_max_pool_after_a_relu(frames: int) -> None:
    torch.manual_seed(4)
    activations = torch.relu(torch.randn(2, CHANNELS, frames, 26))
    expected = nn.MaxPool2d(3, stride=2, padding=1)(activations)
    assert torch.equal(MaxPool()(activations), expected)


def test_frame_projections_are_the_papers_linears() -> None:
    torch.manual_seed(5)
    projections = FrameProjections()
    activations = torch.randn(2, CHANNELS, 40, BANDS_AFTER_POOL)
    frames = activations.transpose(1, 2).flatten(2)  # (2, 40, 169), channel-major
    with torch.no_grad():
        for convolution, output in zip(
            (projections.values, projections.scores), projections(activations), strict=True
        ):
            linear = nn.Linear(169, 169)
            linear.weight.copy_(convolution.weight.reshape(169, 169))
            assert convolution.bias is not None
            linear.bias.copy_(convolution.bias)
            torch.testing.assert_close(
                output[..., 0].transpose(1, 2), linear(frames), atol=1e-5, rtol=1e-5
            )


def test_head_is_a_softmax_weighted_sum_over_time() -> None:
    torch.manual_seed(6)
    values, scores = torch.randn(2, 169, 50, 1), torch.randn(2, 169, 50, 1) * 3
    head = PooledHead(169, 1)
    weights = np.exp(scores.double().numpy())
    weights /= weights.sum(axis=2, keepdims=True)
    pooled = (weights * values.double().numpy()).sum(axis=2)[..., 0]
    with torch.no_grad():
        expected = pooled @ head.out.weight.double().numpy().T + head.out.bias.double().numpy()
        np.testing.assert_allclose(head(values, scores).numpy(), expected, atol=1e-5)


def test_second_order_head_adds_all_products_of_rows() -> None:
    torch.manual_seed(7)
    values, scores = torch.randn(2, 13, 50, 13), torch.randn(2, 13, 50, 13)
    head = PooledHead(13, 13, second_order=True)
    pooled = (values * scores.softmax(2)).sum(2)
    products = torch.einsum("bcf,bdf->bcd", pooled, pooled)
    features = torch.cat([pooled.flatten(1), products.flatten(1)], 1)
    with torch.no_grad():
        torch.testing.assert_close(head(values, scores), head.out(features))


def test_scores_of_any_size_do_not_overflow() -> None:
    head = PooledHead(169, 1)
    with torch.no_grad():
        output = head(torch.ones(1, 169, 10, 1), torch.full((1, 169, 10, 1), 1e4))
    assert torch.isfinite(output).all()


def changed_frames(backbone: nn.Module, frames: int, position: int) -> set[int]:
    """Output frames that move when one log-mel frame moves."""
    torch.manual_seed(8)
    before = torch.rand(1, 1, frames, 26).double()
    after = before.clone()
    after[:, :, position] += 1.0
    with torch.no_grad():
        pairs: list[tuple[Tensor, Tensor]] = list(
            zip(backbone(before), backbone(after), strict=True)
        )
    moved = torch.stack([(a - b).abs().amax(dim=(0, 1, 3)) > 0 for a, b in pairs]).any(0)
    return set(torch.nonzero(moved)[:, 0].tolist())


@pytest.mark.parametrize("position", [50, 51])
def test_receptive_radius(student: Wav2Small, position: int) -> None:
    backbone = student.backbone.double()
    open_all_paths(backbone)
    changed = changed_frames(backbone, 101, position)
    assert changed
    distances = [TIME_STRIDE * frame - position for frame in changed]
    assert max(map(abs, distances)) <= RECEPTIVE_RADIUS
    # The bound is tight: some output frame at that distance does move (on even frames).
    if position % 2 == 0:
        assert {min(distances), max(distances)} == {-RECEPTIVE_RADIUS, RECEPTIVE_RADIUS}


def open_all_paths(backbone: nn.Module) -> None:
    """Positive weights: no ReLU or max-pool hides a path from input to output."""
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.abs_()
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.zero_()


def test_blocks_with_context_equal_the_whole(student: Wav2Small) -> None:
    torch.manual_seed(9)
    backbone = student.backbone.double()
    log_mel = torch.randn(1, 1, 200, 26).double()
    start, stop = 80, 120
    with torch.no_grad():
        whole = backbone(log_mel)[0][:, :, start // 2 : stop // 2]
        block = backbone(log_mel[:, :, start - RECEPTIVE_RADIUS : stop + RECEPTIVE_RADIUS])[0]
    interior = block[:, :, RECEPTIVE_RADIUS // 2 : RECEPTIVE_RADIUS // 2 + (stop - start) // 2]
    torch.testing.assert_close(interior, whole, atol=1e-12, rtol=0)


def test_batch_norm_folds_into_the_convolution(student: Wav2Small) -> None:
    block = student.backbone.trunk.before[0]
    assert isinstance(block, ConvBlock)
    folded = nn.utils.fusion.fuse_conv_bn_eval(block.conv, block.norm)
    activations = torch.randn(1, 1, 20, 26)
    with torch.no_grad():
        torch.testing.assert_close(
            block(activations), torch.relu(folded(activations)), atol=1e-5, rtol=1e-5
        )


def test_frontend_is_not_trained_but_everything_else_is(student: Wav2Small) -> None:
    student(torch.randn(2, 16_000)).sum().backward()
    for name, parameter in student.named_parameters():
        assert (parameter.grad is None) == name.startswith("frontend."), name


def test_unknown_student_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no student called 'wav2huge'") as refusal:
        build_student("wav2huge")
    assert "wav2small-17k" in refusal.value.hint
