import torch

from trainer.checkpoint import portable, write_tensors
from trainer.config import parse_config
from trainer.nets.recognizer import RecognizerConfig, build_recognizer
from trainer.run.train import Start, start_from
from trainer.run.widened import widened
from trainer.tasks.build import build_task

NARROW = RecognizerConfig(backbone="lcnet_fast", neck="mixer", hidden=8, depth=2, head_features=12, grey=True)
WIDE = RecognizerConfig(backbone="lcnet_fast", width=2, neck="mixer", hidden=16, depth=2, head_features=24, grey=True)


def trained(config):
    """A network whose batch norms are not at their start, which would hide what they double."""
    torch.manual_seed(0)
    net = build_recognizer(config, 11)
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.data.uniform_(0.5, 1.5)
    return net.eval()


def test_a_network_twice_as_wide_computes_what_it_was_made_from():
    narrow, wide = trained(NARROW), build_recognizer(WIDE, 11).eval()
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    lines = torch.rand(2, 3, 32, 96)
    with torch.inference_mode():
        assert torch.allclose(narrow(lines), wide(lines), atol=1e-4)


def test_the_two_copies_of_a_channel_learn_different_things():
    narrow, wide = trained(NARROW), build_recognizer(WIDE, 11)
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    wide(torch.rand(2, 3, 32, 96))[..., 1].sum().backward()
    gradient = wide.neck.project[0].weight.grad
    first, second = gradient.chunk(2)
    assert (first - second).norm() > 0.1 * first.norm()


def test_a_run_starts_from_a_narrower_state_and_carries_its_classes(recognizer_table, data, tmp_path):
    net = {"backbone": "lcnet_fast", "neck": "mixer", "hidden": 8, "head_features": 12}
    before = parse_config(recognizer_table | {"net": net})
    narrow = build_task(before, data).student.eval()
    write_tensors(tmp_path / "state.safetensors", portable(narrow), {"config": before.model_dump(mode="json")})
    after = parse_config(
        recognizer_table
        | {"characters": before.characters + "λ", "net": net | {"width": 2, "hidden": 16, "head_features": 24}}
    )
    task = build_task(after, data)
    start_from(task, Start(tmp_path / "state.safetensors"), run=after)
    lines = torch.rand(2, 3, 32, 96)
    with torch.inference_mode():
        read, wide = (net.outputs(lines).logits for net in (narrow, task.student.eval()))
    assert torch.allclose(read, wide[..., : read.shape[2]], atol=0.05)  # a state is kept in bf16
    assert (wide[..., -1] < read.amin(2)).all()
