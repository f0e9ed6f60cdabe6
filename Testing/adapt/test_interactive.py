import pytest
import torch

from p2sam.adapt.blocks import add_checkpointing, add_drop_path
from p2sam.adapt.clicks import boxes_of, noised_boxes, points_in_error
from p2sam.adapt.interactive import CLICK, FIRST, LOGITS, InteractiveTraining, decode, plan
from p2sam.adapt.lora import LoraLinear, add_lora
from p2sam.adapt.validation import deepest_points


def watched(sam, batch, **options):
    seen = []
    training = InteractiveTraining(sam.train(), **options)
    training.watch = seen.append
    loss, parts = training(batch)
    return loss, parts, seen


def groups(seen):
    """The iterations of each group of masks, by the kind of first prompt."""
    found, current = {}, None
    for one in seen:
        if one.kind in FIRST:
            current = found.setdefault(one.kind, [])
        current.append(one)
    return found


def test_the_eleven_iterations_come_in_order(tiny_sam, batch):
    torch.manual_seed(4)
    _, _, seen = watched(tiny_sam, batch)
    found = groups(seen)
    assert set(found) == set(FIRST)
    for first, iterations in found.items():
        kinds = [one.kind for one in iterations]
        assert len(kinds) == 11 and kinds[0] == first and kinds[-1] == LOGITS
        assert kinds.count(CLICK) == 8 and kinds.count(LOGITS) == 2
        assert not iterations[0].has_mask and all(one.has_mask for one in iterations[1:])


def test_points_add_up_and_the_last_logits_stand_alone(tiny_sam, batch):
    torch.manual_seed(4)
    _, _, seen = watched(tiny_sam, batch)
    for first, iterations in groups(seen).items():
        points = int(first == "point")
        assert (iterations[0].points, iterations[0].has_box) == (points, first == "box")
        for one in iterations[1:]:
            points += one.kind == CLICK
            assert one.points == (0 if one.kind == LOGITS else points)
            assert one.has_box == (first == "box" and one.kind == CLICK)


def test_the_iteration_with_logits_alone_lies_anywhere_among_the_points():
    torch.manual_seed(0)
    places = {plan(8, 2).index(LOGITS) for _ in range(300)}
    assert places == set(range(9)) and plan(3, 0) == [CLICK] * 3 and plan(0, 1) == [LOGITS]


def test_the_first_prompts_are_equally_likely(tiny_sam, batch):
    torch.manual_seed(0)
    counts = dict.fromkeys(FIRST, 0)
    training = InteractiveTraining(tiny_sam, 0, 0)
    training._group = lambda kind, features, *_: counts.update({kind: counts[kind] + len(features)}) or iter(())
    tiny_sam.image_encoder.forward = lambda images: images[:, :1]
    for _ in range(100):
        training(batch)
    assert sum(counts.values()) == 600 and all(160 < count < 240 for count in counts.values())
    assert InteractiveTraining(tiny_sam, first=("box",)).first == ("box",)


def test_two_embeddings_and_the_masks_that_are_not_used_get_no_gradient(tiny_sam, batch):
    torch.manual_seed(4)
    watched(tiny_sam, batch)[0].backward()
    still = {name for name, parameter in tiny_sam.named_parameters() if parameter.grad is None}
    unused = {name for name, _ in tiny_sam.named_parameters() if name.startswith("mask_decoder.output_hypernetworks_mlps") and "mlps.0." not in name}
    assert still == {"prompt_encoder.not_a_point_embed.weight", "prompt_encoder.no_mask_embed.weight"} | unused


@pytest.mark.parametrize("decoder", [False, True])
def test_with_lora_the_encoder_is_frozen_but_for_lora(tiny_sam, batch, decoder):
    torch.manual_seed(4)
    add_lora(tiny_sam, rank=2, decoder=decoder)
    for layer in tiny_sam.modules():
        if isinstance(layer, LoraLinear):
            torch.nn.init.normal_(layer.lora_B)  # lora_A has no gradient where lora_B is 0
    watched(tiny_sam, batch)[0].backward()
    trained = {name for name, parameter in tiny_sam.named_parameters() if parameter.grad is not None}
    encoder = {name for name in trained if name.startswith("image_encoder.")}
    assert encoder == {f"image_encoder.blocks.{i}.attn.{part}.lora_{m}" for i in range(2) for part in ("qkv", "proj") for m in "AB"}
    assert ("mask_decoder.transformer.layers.0.mlp.lin1.weight" in trained) != decoder
    assert ("mask_decoder.final_attn_token_to_image.q_proj.lora_A" in {n.replace("transformer.", "") for n in trained}) == decoder


def test_a_batch_is_decoded_as_segment_anything_decodes_each_image(tiny_sam, batch):
    features = tiny_sam.image_encoder(batch.images)
    points = torch.tensor([[[20.0, 30.0], [5.0, 7.0]]] * 6) + torch.arange(6.0)[:, None, None]
    labels = torch.tensor([[1, 0]] * 6, dtype=torch.int32)
    low_res = torch.randn(6, 32, 32)
    boxes = boxes_of(batch.truth)
    for given in ((points, labels, boxes, low_res), (points, labels, None, None), (points[:, :0], labels[:, :0], None, None)):
        masks, iou = decode(tiny_sam, features, *given)
        for n in range(6):
            one = [None if part is None else part[n : n + 1] for part in given]
            sparse, dense = tiny_sam.prompt_encoder((one[0], one[1]) if one[0].shape[1] else None, one[2], None if one[3] is None else one[3][:, None])
            wanted = tiny_sam.mask_decoder(features[n : n + 1], tiny_sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
            torch.testing.assert_close(masks[n], wanted[0][0, 0], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(iou[n], wanted[1][0, 0], atol=1e-5, rtol=1e-4)


def test_points_fall_into_the_error_and_never_into_the_padding():
    truth = torch.zeros(3, 32, 32, dtype=torch.bool)
    truth[:, 4:10, 5:20] = True
    masks = truth.clone()
    masks[0, :, 12:] = False  # too small: positive points in what was missed
    masks[1, 20:, :] = True  # too large: negative points, not beyond row 24
    valid = torch.zeros_like(truth)
    valid[:, :24] = True
    for _ in range(20):
        points, labels = points_in_error(truth, masks, valid)
        x, y = points.long().T
        assert labels.tolist() == [1, 0, 1]
        assert 12 <= x[0] < 20 and 4 <= y[0] < 10 and 20 <= y[1] < 24
        assert truth[2, y[2], x[2]]  # nothing is wrong: somewhere in the truth


def test_boxes_are_tight_and_their_noise_is_a_tenth_of_a_side_but_bounded():
    truth = torch.zeros(2000, 128, 128, dtype=torch.bool)
    truth[:, 40:70, 30:50] = True
    assert boxes_of(truth[:1]).tolist() == [[30, 40, 49, 69]]
    noise = (noised_boxes(truth) - boxes_of(truth)).std(0)
    torch.testing.assert_close(noise, torch.tensor([2.0, 2.5, 2.0, 2.5]), rtol=0.08, atol=0)  # 3.0 is bounded by 20 / 1024 of 128
    assert boxes_of(torch.zeros(1, 8, 8, dtype=torch.bool)).tolist() == [[0, 0, 7, 7]]


def test_the_point_of_a_validation_is_the_deepest_one():
    truth = torch.zeros(1, 32, 40, dtype=torch.bool)
    truth[0, 10:21, 3:36] = True
    truth[0, 2:4, 2:4] = True
    (point,) = deepest_points(truth).tolist()
    assert point[1] == 15 and 8 <= point[0] <= 30


def test_checkpointing_changes_no_gradient(tiny_sam, batch):
    def gradients(checkpointing):
        torch.manual_seed(7)
        remove = add_drop_path(tiny_sam.image_encoder.blocks, 0.5)
        remove += [add_checkpointing(tiny_sam.image_encoder.blocks)] if checkpointing else []
        tiny_sam.zero_grad()
        InteractiveTraining(tiny_sam.train(), 2, 1, checkpointing=checkpointing)(batch)[0].backward()
        for undo in remove:
            undo()
        return [p.grad.clone() for p in tiny_sam.parameters() if p.grad is not None]

    for one, other in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_drop_path_leaves_out_whole_samples_while_training_only(tiny_sam):
    block = tiny_sam.image_encoder.blocks[0].train()
    tokens = torch.randn(400, 8, 8, 24)
    plain = block(tokens)
    remove = add_drop_path([block, block], 0.5)
    assert len(remove) == 3, "none on the first block of several"
    torch.manual_seed(0)
    changed = block(tokens) - tokens
    left_out = (changed.flatten(1).abs().amax(1) == 0).float().mean()
    assert 0.18 < left_out < 0.32, "both branches of a block are left out by 0.5 * 0.5"
    torch.testing.assert_close(block.eval()(tokens), plain)
    for undo in remove:
        undo()
    torch.testing.assert_close(block.train()(tokens), plain)
