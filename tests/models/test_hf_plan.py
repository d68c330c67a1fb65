"""How wrapped models of transformers are spread, and filled anew after they were built without data."""

import math

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from transformers import PreTrainedConfig, PreTrainedModel

from models.hf import HF
from models.hf_plan import OWN_PLANS, refillable

TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
GROUPED = {**TINY, "num_key_value_heads": 2}
CAUSAL, MASKED, IMAGES = "AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModelForImageClassification"
FITS = {CAUSAL: "text/next_tokens", MASKED: "text/masked_tokens", IMAGES: "image/classes"}
FAMILIES = {
    "gpt_neox": (CAUSAL, TINY),
    "mixtral": (CAUSAL, {**GROUPED, "num_local_experts": 4}),
    "qwen2": (CAUSAL, GROUPED),
    "qwen3": (CAUSAL, {**GROUPED, "head_dim": 8}),
    "mistral": (CAUSAL, GROUPED),
    "olmo2": (CAUSAL, GROUPED),
    "gpt_oss": (CAUSAL, {**GROUPED, "head_dim": 8}),
    "mamba": (CAUSAL, {"hidden_size": 16, "num_hidden_layers": 1}),
    "roberta": (MASKED, TINY),
    "xlm-roberta": (MASKED, TINY),
    "electra": (MASKED, {**TINY, "embedding_size": 16}),
    "distilbert": (MASKED, {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2}),
    "fnet": (MASKED, {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}),
    "vit": (IMAGES, {**TINY, "patch_size": 4}),
}
ENCODER = {"width": 16, "num_layers": 2, "num_heads": 2}
WRAPPED = {
    "llama": ("llama", "text/next_tokens", {"width": 16, "mlp_width": 32, "num_layers": 2}),
    "gpt2": ("gpt2", "text/next_tokens", {"size": "tiny"}),
    "bert": ("bert", "text/masked_tokens", ENCODER),
    "bert classes": ("bert", "text/classes", ENCODER),
    "bert values": ("bert", "text/values", ENCODER),
    "resnet": ("resnet", "image/classes", {"widths": [8, 16], "depths": [1, 1], "normalization": "batch"}),
    "resnet group": ("resnet", "image/classes", {"widths": [8, 16], "depths": [1, 1], "normalization": "group"}),
}


@pytest.fixture
def make(build, data_for):
    """A wrapped model by its name in WRAPPED or FAMILIES; seeded."""

    def make_it(name, **config):
        torch.manual_seed(0)
        if name in WRAPPED:
            yaml, fit, sizes = WRAPPED[name]
            return build(yaml, fit, **sizes)
        auto_class, sizes = FAMILIES[name]
        config = {"model_type": name, **sizes, **config}
        return HF(auto_class=auto_class, checkpoint=None, config=config, dropout=0.0, data=data_for(FITS[auto_class]))

    return make_it


def _spoil(model):
    for tensor in [*model.parameters(), *model.buffers()]:
        tensor.data.fill_(math.nan if tensor.is_floating_point() else 77)


def _reset(model):
    torch.manual_seed(1)
    model.reset_parameters()
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@pytest.mark.parametrize(
    "name", [*WRAPPED, "gpt_neox", "mixtral", "qwen2", "mistral", "roberta", "electra", "distilbert", "vit"]
)
def test_a_model_built_without_data_is_filled_like_one_that_was_built_with(make, name):
    with torch.device("meta"):
        empty = make(name)
    assert empty.initializes
    whole = make(name)
    buffers = {name: buffer.clone() for name, buffer in whole.named_buffers()}
    empty.to_empty(device="cpu")
    _spoil(empty)
    filled, expected = _reset(empty), _reset(whole)
    assert filled.keys() == expected.keys()
    for tensor, value in filled.items():
        assert torch.equal(value, expected[tensor]), tensor
    for buffer, value in buffers.items():
        assert torch.equal(filled[buffer], value), buffer


@pytest.mark.parametrize("name", ["gpt2", "bert", "resnet", "vit"])
def test_weights_are_drawn_as_wide_as_transformers_draws_them(make, name):
    model = make(name)
    before = {name: parameter.std().item() for name, parameter in model.named_parameters() if parameter.numel() > 500}
    _spoil(model)
    _reset(model)
    for name, std in before.items():
        assert model.get_parameter(name).std().item() == pytest.approx(std, rel=0.1), name


def test_a_tied_weight_is_drawn_once_whether_or_not_it_is_tied_before(make):
    tied, parted = make("gpt2"), make("gpt2")
    parted.model.lm_head.weight = nn.Parameter(torch.zeros_like(parted.model.lm_head.weight))
    expected, drawn = _reset(tied), _reset(parted)
    assert parted.model.lm_head.weight is parted.model.transformer.wte.weight
    assert all(torch.equal(drawn[name], expected[name]) for name in expected)


@pytest.fixture
def mesh():
    """Two processes, of which this is the second; the first is imagined."""
    dist.init_process_group("fake", rank=1, world_size=2)
    yield init_device_mesh("cpu", (2,))
    dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore:DTensor random operators")  # which values are drawn does not matter here
def test_the_row_of_the_padding_token_is_zero_in_a_sharded_embedding(make, mesh):
    model = make("roberta", pad_token_id=20)
    table = model.model.roberta.embeddings.word_embeddings
    table.weight = nn.Parameter(distribute_tensor(table.weight.data, mesh, [Shard(0)], src_data_rank=None))
    model.reset_parameters()
    assert (table.weight.to_local() == 0).all(dim=1).nonzero().tolist() == [[20 - 15]]


class _Own(PreTrainedModel):
    """A model of one module, whose initialisation is a test's."""

    config_class = PreTrainedConfig

    def __init__(self, write):
        super().__init__(PreTrainedConfig())
        self.write = write
        self.weight = nn.Parameter(torch.zeros(4, 3))
        self.post_init()

    def _init_weights(self, module):
        self.write(module.weight)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda weight: weight.normal_(), True),
        (lambda weight: nn.init.trunc_normal_(weight), True),
        (lambda weight: None, False),
        (lambda weight: weight[:2].normal_(), False),
        (lambda weight: weight.copy_(torch.arange(12.0).view(4, 3)), False),
    ],
    ids=["whole", "truncated", "nothing", "slice", "copy"],
)
def test_only_writes_that_reach_every_shard_count_as_filling(write, expected):
    assert refillable(_Own(write)) is expected


@pytest.mark.parametrize("name", ["fnet", "mamba"])
def test_a_family_that_can_not_be_filled_so_says_it(make, name):
    assert not make(name).initializes


def test_asking_changes_no_weight(make):
    model = make("vit")
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    assert model.initializes
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


def test_the_weights_of_a_checkpoint_are_not_drawn_anew(make, data_for, tmp_path):
    make("distilbert").model.save_pretrained(tmp_path)
    data = data_for("text/masked_tokens")
    model = HF(auto_class=MASKED, checkpoint=str(tmp_path), config={"model_type": "bert"}, dropout=None, data=data)
    assert not model.initializes


def test_the_plan_of_transformers_is_used_with_the_wrapper_s_own_names(make):
    layer = "model.model.layers.*"
    assert make("llama").parallel_plan == {
        "blocks": ["model.model.layers"],
        "tensor": {
            "model.model.embed_tokens": "embedding",
            **{f"{layer}.self_attn.{name}_proj": "colwise" for name in "qkv"},
            f"{layer}.self_attn.o_proj": "rowwise",
            **{f"{layer}.mlp.{name}_proj": "colwise" for name in ("gate", "up")},
            f"{layer}.mlp.down_proj": "rowwise",
            "model.lm_head": "head",
        },
        "tp_sizes": {"num_heads": 4, "num_kv_heads": 2, "mlp_width": 32, "vocab_size": 30},
    }


def test_stacked_experts_are_sharded_parameter_by_parameter(make):
    tensor = make("mixtral").parallel_plan["tensor"]
    assert tensor["model.model.layers.*.mlp.experts"] == {"gate_up_proj": "packed:1", "down_proj": 2}


def test_norms_of_sharded_heads_are_told_from_others(make):
    tensor = make("qwen3").parallel_plan["tensor"]
    assert {path.split(".")[-1] for path, style in tensor.items() if style == "head_norm"} == {"q_norm", "k_norm"}


@pytest.mark.parametrize("name", ["bert", *sorted(OWN_PLANS.keys() & FAMILIES.keys())])
def test_an_own_plan_finds_its_modules(make, name):
    model = make(name)
    own = OWN_PLANS[name]
    assert {path.partition(".")[2].partition(".")[2] for path in model.parallel_plan["tensor"]} == own.keys()
    assert "vocab_size" not in str(model.parallel_plan["tp_sizes"])


@pytest.mark.parametrize("name", ["olmo2", "gpt_oss", "gpt2", "resnet"])
def test_a_plan_with_an_unknown_style_or_none_gives_no_tensor_parallelism(make, name):
    assert make(name).parallel_plan.keys() == {"blocks"}


def test_blocks_are_the_outermost_lists_of_one_class(make):
    assert make("resnet").parallel_plan["blocks"] == ["model.resnet.encoder.stages"]


def test_a_model_may_have_more_than_one_list_of_blocks(data_for):
    config = {"model_type": "t5", "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    model = HF(
        auto_class="AutoModelForSeq2SeqLM",
        checkpoint=None,
        config=config,
        dropout=0.0,
        data=data_for("text/next_tokens"),
    )
    assert model.parallel_plan["blocks"] == ["model.encoder.block", "model.decoder.block"]
